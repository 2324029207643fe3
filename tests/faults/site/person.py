"""A person at a browser: pages by GET, answers by POST with cookie and token, and nothing known but what is shown."""

import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.waiting import PATIENCE

CARD = re.compile(r'name="digest-([0-9a-f-]{36})" value="([0-9a-f]+)"')
LINE = re.compile(r'data-line="([^"]+)"')
CHOICE = re.compile(r'name="id" value="([0-9a-f-]{36})"')
LOOKED_AT = 50
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What the site answered: the status, and the text of the page or fragment."""

    status: int
    text: str


class SiteAway(Exception):
    """No answer came: the connection was refused or cut."""


class Person:
    """Somebody signed in. `acknowledged` are the decisions of which the site said that they took effect."""

    def __init__(self, name: str, port: int, session: str) -> None:
        self.name, self.session = name, session
        self._port = port
        self._cookies = {"session": session}
        self._token = ""
        self.acknowledged: list[list] = []

    def look(self) -> dict[str, str]:
        """The first open requests of the inbox, those of its groups too: id to digest, each from its own page.

        A site of before the inbox has their cards on its first page.
        """
        ids: list[str] = []
        first = self._call("GET", "/").text
        for line in LINE.findall(first):
            alike = line.startswith("alike-")
            ids += CHOICE.findall(self._call("GET", f"/?selected={line}").text) if alike else [line]
            if len(ids) >= LOOKED_AT:
                break
        pages = (self._call("GET", f"/approvals/{request_id}/").text for request_id in ids[:LOOKED_AT])
        shown = {found[1]: found[2] for text in pages if (found := CARD.search(text))}
        return dict(CARD.findall(first)) | shown

    def decide(self, request_id: str, digest: str, *, approved: bool) -> Answer:
        """Press a button of a card that was looked at; what took effect is acknowledged."""
        answer = self.press(request_id, digest, approved=approved)
        if answer.status == 200:
            self.acknowledged.append([request_id, approved, self.name])
        return answer

    def press(self, request_id: str, digest: str, *, approved: bool) -> Answer:
        """The same, where more than this may be needed."""
        form = {
            "csrfmiddlewaretoken": self._token,
            f"digest-{request_id}": digest,
            f"reason-{request_id}": "looked at",
        }
        action = "approve" if approved else "deny"
        return self._call("POST", f"/approvals/{request_id}/{action}/", urlencode(form))

    def undo(self, request_id: str) -> Answer:
        """Take back an approval that is held."""
        form = {"csrfmiddlewaretoken": self._token}
        return self._call("POST", f"/approvals/{request_id}/undo/", urlencode(form))

    def extend(self, request_id: str, digest: str) -> Answer:
        """Give a request more time."""
        said = {f"digest-{request_id}": digest, f"minutes-{request_id}": "5"}
        form = {"csrfmiddlewaretoken": self._token, **said}
        return self._call("POST", f"/approvals/{request_id}/extend/", urlencode(form))

    def page(self, path: str) -> Answer:
        """Open a page."""
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: str | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise SiteAway(str(error)) from error
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self._cookies[name] = value
        if token := TOKEN.search(text):
            self._token = token[1]
        return Answer(response.status, text)
