"""How each kind of channel over HTTP is spoken to. What agents wrote is plain text in all of them."""

import hashlib
import hmac
import json
import time
from datetime import UTC
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from core.history.notices.texts import NoticeMessage, link

JSON = {"Content-Type": "application/json; charset=utf-8"}
SLACK_TEXT = 2900  # Slack takes 3,000 characters of a section
LOOK = "Look at it"


class WebhookPost(NamedTuple):
    """A POST: where, what, and with which headers."""

    url: str
    body: bytes
    headers: dict[str, str]


def slack(url: str, _secret: str, message: NoticeMessage) -> WebhookPost:
    """An incoming webhook. `plain_text` has no links, mentions or markup; the other part has our own link alone."""
    said = f"{message.subject}\n{message.text}"[:SLACK_TEXT]
    body = {
        "text": _escaped(message.subject),
        "unfurl_links": False,
        "blocks": [
            {"type": "section", "text": {"type": "plain_text", "text": said, "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": f"<{message.link}|{LOOK}>"}},
        ],
    }
    return WebhookPost(url, _json(body), JSON)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(url: str, _secret: str, message: NoticeMessage) -> WebhookPost:
    """A workflow that takes an adaptive card. A `TextRun` knows no Markdown, as a `TextBlock` would."""
    lines = [message.subject, *message.text.split("\n")]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text or " "}]} for text in lines
        ],
        "actions": [{"type": "Action.OpenUrl", "title": LOOK, "url": message.link}],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return WebhookPost(url, _json({"type": "message", "attachments": [content]}), JSON)


def ntfy(url: str, token: str, message: NoticeMessage) -> WebhookPost:
    """A topic, whose name is the end of the address; the server itself takes JSON, which has no limits of headers."""
    parts = urlsplit(url)
    server, _, topic = parts.path.rstrip("/").rpartition("/")
    body = {
        "topic": topic,
        "title": message.subject,
        "message": message.text,
        "click": message.link,
        "priority": 4 if message.is_urgent else 3,
    }
    headers = {**JSON, "Authorization": f"Bearer {token}"} if token else JSON
    return WebhookPost(urlunsplit((parts.scheme, parts.netloc, f"{server}/", "", "")), _json(body), headers)


def webhook(url: str, secret: str, message: NoticeMessage) -> WebhookPost:
    """JSON, signed: `X-Telemetry-Signature` is `v1=` and the HMAC-SHA256, hex, of timestamp, a dot and the body."""
    body = _json({"id": str(message.message_id), "text": message.subject, "requests": _requests(message)})
    timestamp = str(int(time.time()))
    headers = {
        **JSON,
        "X-Telemetry-Id": str(message.message_id),
        "X-Telemetry-Timestamp": timestamp,
        "X-Telemetry-Signature": f"v1={signature(secret, timestamp, body)}",
    }
    return WebhookPost(url, body, headers)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 under the secret of a channel, 64 hex digits."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _requests(message: NoticeMessage) -> list[dict[str, Any]]:
    return [
        {
            "id": str(item.request_id),
            "kind": item.approval_type,
            "agent": item.agent,
            "deadline": item.deadline_at.astimezone(UTC).isoformat(),
            "why": item.step.partition("-")[0],
            "link": link(item.request_id),
        }
        for item in message.items
    ]


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


SHAPES = {"slack": slack, "teams": teams, "ntfy": ntfy, "webhook": webhook}
