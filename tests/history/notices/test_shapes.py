"""What each kind of channel is sent: kind, agent, deadline and a link, as plain text, and never what was asked."""

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.urls import reverse

from core.history.notices.channels import send
from core.history.notices.texts import (
    ESCALATION,
    FIRST,
    NOBODY,
    REMINDER,
    Item,
    NoticeMessage,
    all_waiting,
    link,
)
from core.history.notices.wishes import ZoneInfo

ROOT = Path(__file__).resolve().parents[3]
REQUEST = UUID("6f1b7d0c-55d4-4a52-9d43-0d6a5b0e7c11")
HOSTILE = "<!channel> [x](http://evil) *b* <http://evil|see>\u202e&"
LINK = f"https://telemetry.example.org/approvals/{REQUEST}/"


def item(kind: str = "deploy", agent: str = "builder", step: str = FIRST, request_id: UUID = REQUEST) -> Item:
    return Item(request_id, kind, agent, datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC), step)


def message(*items: Item) -> NoticeMessage:
    return NoticeMessage(uuid4(), items, ZoneInfo("Europe/Berlin"))


@pytest.fixture
def sent(channel, receiver):
    """What a channel of this kind is sent, as JSON."""

    def send_to(kind: str, *items: Item):
        send(channel(kind, receiver.url), "", message(*items))
        return receiver.taken[-1].said

    return send_to


def test_a_line_names_kind_agent_deadline_in_the_persons_time_and_link():
    assert message(item()).text.splitlines()[0] == (
        f"“deploy”, asked by the agent “builder”, until 2027-01-02 04:04:05 CET: {LINK}"
    )


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (REMINDER, "nearly over"),
        (f"{ESCALATION}-7", "nobody has answered"),
        (NOBODY, "nobody here may answer"),
    ],
)
def test_a_line_says_why_it_comes(step, why):
    assert why in message(item(step=step)).text


def test_names_of_agents_are_shortened_and_what_is_invisible_in_them_is_visible():
    text = message(item(agent="a\u202eb\u2028" + "x" * 200)).text
    assert "“a⟦U+202E⟧b⟦U+2028⟧xxx" in text
    assert "x" * 60 not in text


def test_many_are_one_message_that_says_how_many_more_there_are():
    many = message(*(item(request_id=uuid4()) for _ in range(50)))
    assert many.subject == "50 requests wait for an answer"
    assert "And 30 more." in many.text
    assert many.link == "https://telemetry.example.org/approvals/"


def test_slack_is_told_in_plain_text_and_the_one_link_is_ours(sent):
    body = sent("slack", item(kind=HOSTILE))
    plain, linked = body["blocks"]
    assert plain["text"]["type"] == "plain_text"
    assert linked["text"]["text"] == f"<{LINK}|Look at it>"
    assert "<" not in body["text"]


def test_teams_is_told_in_runs_of_text_which_know_no_markdown(sent):
    body = sent("teams", item(kind=HOSTILE))
    [card] = [attached["content"] for attached in body["attachments"]]
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert card["actions"][0]["url"] == LINK


def test_ntfy_is_told_as_json_with_the_topic_of_its_address_and_the_token(sent, receiver):
    body = sent("ntfy", item(step=REMINDER))
    assert (body["topic"], body["click"], body["priority"]) == ("hook", LINK, 4)
    assert receiver.taken[-1].path == "/"
    assert receiver.taken[-1].headers["Authorization"] == "Bearer a secret of 16 or more"


def documented_verifier():
    """The function that docs/running/notices.md gives to receivers."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/running/notices.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names["is_ours"]


def test_a_webhook_is_signed_so_that_the_documented_example_verifies_it(sent, receiver):
    body, is_ours = sent("webhook", item()), documented_verifier()
    [asked] = body["requests"]
    assert (asked["id"], asked["kind"], asked["agent"], asked["link"]) == (
        str(REQUEST),
        "deploy",
        "builder",
        LINK,
    )
    taken = receiver.taken[-1]
    assert is_ours("a secret of 16 or more", taken.headers, taken.body)
    assert not is_ours("another secret of 16", taken.headers, taken.body)
    assert not is_ours("a secret of 16 or more", taken.headers, taken.body + b" ")
    later = {**taken.headers, "X-Telemetry-Timestamp": str(int(time.time()) + 1)}
    assert not is_ours("a secret of 16 or more", later, taken.body)


def test_an_old_notice_that_is_replayed_is_not_verified():
    stamp = str(int(time.time()) - 3600)
    signed = hmac.new(b"a secret of 16 or more", stamp.encode() + b".{}", hashlib.sha256).hexdigest()
    headers = {"X-Telemetry-Timestamp": stamp, "X-Telemetry-Signature": f"v1={signed}"}
    assert not documented_verifier()("a secret of 16 or more", headers, b"{}")


def test_a_mail_has_one_subject_line_and_the_id_of_its_message(channel, mail_server):
    told = message(item(kind="pay\u2028Bcc: all"))
    send(channel("mail"), "ann@example.org", told)
    [mail] = mail_server.mails
    head, _, body = mail.replace("\r\n", "\n").partition("\n\n")
    assert "Subject: 1 request waits for an answer" in head
    assert f"Message-ID: <{told.message_id}@" in head
    assert "To: ann@example.org" in head
    assert "Bcc" not in head
    assert body


def test_the_links_are_those_of_the_pages():
    assert link(REQUEST).removeprefix("https://telemetry.example.org") == reverse("approval", args=[REQUEST])
    assert all_waiting().removeprefix("https://telemetry.example.org") == reverse("waiting")
