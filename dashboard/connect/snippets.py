"""The lines that connect an agent, by what it is written in: one table, shown with the reader's own address.

Each is the whole of what somebody adds, and at most LONGEST lines. The token is in AGENT_TOKEN, so no line holds it.
`{site}` is the address; `{json}` and `{query}` are what the token of a fleet adds to a body and to an address.
"""

from typing import NamedTuple

LONGEST = 10
OF_A_FLEET = {"{json}": ', "agent": "1"', "{query}": "&agent=1"}


class Snippet(NamedTuple):
    """Lines for one kind of agent. `before`: what is installed first, or ''."""

    name: str
    title: str
    lines: str
    before: str = ""


CURL = """\
ID=$(curl -s {site}/api/v1/requests -H "Authorization: Bearer $AGENT_TOKEN" -H "Content-Type: application/json" \\
  -d '{"type": "deploy", "context": {"version": "1.10"}, "timeout": 600{json}}' | cut -d '"' -f 4)
curl -s "{site}/api/v1/requests/$ID/outcome?wait=30{query}" -H "Authorization: Bearer $AGENT_TOKEN"
"""

SNIPPETS = (Snippet("curl", "A shell, with curl", CURL),)


def filled(site: str, is_fleet: bool) -> list[Snippet]:
    """The table with an address, for a token of one agent or of a fleet."""
    places = {"{site}": site, **{place: said if is_fleet else "" for place, said in OF_A_FLEET.items()}}
    found = []
    for snippet in SNIPPETS:
        lines = snippet.lines.strip()
        for place, said in places.items():
            lines = lines.replace(place, said)
        found.append(snippet._replace(lines=lines))
    return found
