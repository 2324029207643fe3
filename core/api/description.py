"""What there is at this door, as OpenAPI 3.1."""

from collections.abc import Mapping
from typing import Any

from core.history.people.tokens import SCOPES
from core.values.approvals import CHANGES, RESPONSE_OF_END, UNAVAILABLE, UNDERSTANDABLE, UNKNOWN

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_OBJECT: dict[str, Any] = {"type": "object"}
_MAYBE = {"type": ["string", "null"]}
_AGENT = {"type": "string", "description": "With the token of a fleet: what follows its beginning"}


def _schema(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


def _query(name: str, says: str, schema: dict[str, Any] = _TEXT) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": says, "schema": schema}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _way(
    says: str,
    scope: str,
    answers: Mapping[str, tuple[str, dict[str, Any] | None]],
    *,
    body: dict[str, Any] | None = None,
    fields: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    agent = () if body is not None else (_query("agent", _AGENT["description"]),)
    said = {
        code: {"description": what, **({} if schema is None else _json(schema))}
        for code, (what, schema) in answers.items()
    }
    return {
        "summary": says,
        "description": f"Needs the scope `{scope}`.",
        "parameters": [*fields, *agent],
        **({} if body is None else {"requestBody": {"required": True, **_json(body)}}),
        "responses": {**said, "default": {"description": "No, and why", **_json(_reference("Error"))}},
    }


def _open_way(
    says: str, answers: Mapping[str, tuple[str, dict[str, Any] | None]], body: dict[str, Any]
) -> dict[str, Any]:
    way = {**_way(says, "", answers, body=body), "description": "Needs no token.", "security": []}
    del way["parameters"]
    return way


_CLAIM = _query("claim", "An approval is for this name alone; 409 for every other one")
_UNDERSTANDS = _query("understands", "The words of understands at asking, with commas between them")
_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_REQUEST = ("The request", _reference("Request"))
_BEAT = _schema(
    agent=_AGENT,
    status=_TEXT,
    progress={"type": "number", "minimum": 0, "maximum": 1},
    task=_TEXT,
    run={"type": "string", "description": "The client's own name for this run"},
    display_name=_MAYBE,
    metadata=_OBJECT,
)
_BEATEN = {"200": ("Heard", _schema(agent=_TEXT, conflict={"type": "boolean"}))}
_NOT_TAKEN: dict[str, tuple[str, dict[str, Any] | None]] = {
    "413": ("The body has more than 1 MiB", _reference("Error")),
    "422": (
        "It is more than the site allows, also later: its message says what to leave out",
        _reference("Error"),
    ),
    "429": ("Not now: ask again after the seconds of Retry-After", _reference("Error")),
}
_QUESTION = _schema(
    ("type",),
    agent=_AGENT,
    type={"type": "string", "description": "What kind of action, such as deploy"},
    context={"type": "object", "description": "What will be done: at most 256 KiB"},
    timeout={"type": ["number", "null"], "description": "Seconds, by default 300; null for no deadline"},
    key={
        "type": ["string", "null"],
        "description": "The same key gives the same request, whoever asks again",
    },
    understands={
        "type": ["array", "null"],
        "items": {"enum": [*UNDERSTANDABLE]},
        "description": "What people may answer beside yes and no, as whoever waits must say too",
    },
    revises={"type": ["string", "null"], "description": "The request that was answered by asking back"},
    callback_url={"type": ["string", "null"], "description": "Where the decision is posted to, signed"},
)

PATHS: dict[str, dict[str, Any]] = {
    "requests": {
        "post": _way(
            "Ask for approval",
            "ask",
            {
                "201": _REQUEST,
                "200": ("The request that the key names already", _reference("Request")),
                **_NOT_TAKEN,
            },
            body=_QUESTION,
            fields=(
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "The same as key",
                    "schema": _TEXT,
                },
            ),
        ),
        "get": _way(
            "The agent's requests, newest first",
            "ask",
            {"200": ("They", _schema(requests={"type": "array", "items": _reference("Request")}))},
            fields=(_query("key", "Only the one of this key"), _query("status", "Only those of this status")),
        ),
    },
    "requests/{id}": {"get": _way("One request", "ask", {"200": _REQUEST}, fields=(_ID,))},
    "requests/{id}/outcome": {
        "get": _way(
            "How it ended, waiting for it",
            "ask",
            {"200": ("It has ended", _reference("Outcome")), "202": ("It is pending", _OBJECT)},
            fields=(
                _ID,
                _query("wait", "Seconds to wait, at most 30", _NUMBER),
                _CLAIM,
                _UNDERSTANDS,
            ),
        )
    },
    "requests/ended": {
        "post": _way(
            "Which of many have ended, waiting for the first",
            "ask",
            {"200": ("They", _schema(ended={"type": "array", "items": _TEXT}))},
            body=_schema(
                ("ids",),
                agent=_AGENT,
                ids={"type": "array", "items": _TEXT, "description": "At most 1,000"},
                wait={"type": "number", "description": "Seconds to wait, at most 30"},
            ),
        )
    },
    "requests/{id}/stream": {
        "get": _way(
            "How it ended, as a server-sent event",
            "ask",
            {"200": ("The event outcome, and the end of the stream", None)},
            fields=(_ID, _CLAIM, _UNDERSTANDS),
        )
    },
    "requests/{id}/cancel": {
        "post": _way("Withdraw it", "ask", {"200": _REQUEST}, body=_schema(agent=_AGENT), fields=(_ID,))
    },
    "start": {"post": _way("A run begins", "beat", _BEATEN, body=_BEAT)},
    "beat": {"post": _way("It lives: every 10 seconds", "beat", _BEATEN, body=_BEAT)},
    "stop": {"post": _way("It ends", "beat", _BEATEN, body=_BEAT)},
    "signals": {
        "post": _way(
            "Send a signal to an agent, or to all without a target",
            "signal",
            {"201": ("Sent", _schema(id=_TEXT))},
            body=_schema(("type",), agent=_AGENT, type=_TEXT, target=_MAYBE, payload=_OBJECT, ttl=_NUMBER),
        ),
        "get": _way(
            "Consume the oldest signal of a type, waiting for it",
            "signal",
            {"200": ("The signal", _OBJECT), "204": ("There is none", None)},
            fields=(
                {**_query("type", "Of which type"), "required": True},
                _query("from", "Only of this sender"),
                _query("wait", "Seconds to wait, at most 30", _NUMBER),
                _query("claim", "The client's own word: with it the same signal comes again for 10 seconds"),
            ),
        ),
    },
    "events": {
        "post": _way(
            "Publish an event",
            "events",
            {"201": ("Published", _schema(id=_TEXT)), **_NOT_TAKEN},
            body=_schema(("type",), agent=_AGENT, type=_TEXT, data=_OBJECT),
        ),
        "get": _way(
            "What was published, oldest first, without the site's own",
            "events",
            {"200": ("They", _schema(events={"type": "array", "items": _OBJECT}))},
            fields=(_query("type", "Of this type"), _query("after", "The id of the last one that is known")),
        ),
    },
    "events/stream": {
        "get": _way(
            "What is published, as server-sent events without an end",
            "events",
            {"200": ("One after the other, with their ids", None)},
            fields=(
                _query("type", "Of this type"),
                _query("after", "The id of the last one that is known; left out, from now on"),
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "The same, as clients send it by themselves",
                    "schema": _TEXT,
                },
            ),
        )
    },
    "feedback": {
        "post": _way(
            "Rate the work of a stage",
            "usage",
            {"201": ("Kept", _schema(id=_TEXT))},
            body=_schema(
                ("workflow", "stage", "tier", "quality"),
                agent=_AGENT,
                workflow=_TEXT,
                stage=_TEXT,
                tier={"enum": ["cheap", "capable", "premium"]},
                quality={"type": "number", "minimum": 0, "maximum": 1},
                metadata=_OBJECT,
            ),
        )
    },
    "hooks/claude-code": {
        "post": _way(
            "A hook of Claude Code or GitHub Copilot, as the client posts it",
            "ask",
            {"200": ("What the client does now; {} is no opinion", _OBJECT), **_NOT_TAKEN},
            body=_OBJECT,
            fields=(
                _query("timeout", "Seconds after which the client gives up, by default 60", _NUMBER),
                _query("understands", "edited, where the client takes another input of its tool"),
                _query("agent", _AGENT["description"]),
            ),
        )
    },
    "calls": {
        "post": _way(
            "Keep calls of models: one, or the list `calls`, with the arguments of track_llm_call",
            "usage",
            {"202": ("Kept", _schema(kept={"type": "integer"}))},
            body=_OBJECT,
        )
    },
}
PATHS |= {
    "connect": {
        "post": _open_way(
            "Ask for a token by a code that a person confirms",
            {"201": ("The code, and what to fetch the token with", _OBJECT)},
            _schema(
                ("machine", "agent", "client"),
                machine=_TEXT,
                agent=_TEXT,
                client=_TEXT,
                scopes={"type": "array", "items": {"enum": list(SCOPES)}},
            ),
        )
    },
    "connect/token": {
        "post": _open_way(
            "Fetch the token that a person gave to a code",
            {"200": ("The token", _reference("Token")), "202": ("Nobody has answered", _OBJECT)},
            _schema(("device_code",), device_code=_TEXT),
        )
    },
    "token/rotate": {
        "post": {
            **_way(
                "The next secret of this token; the one that was shown works on for a while",
                "",
                {"200": ("The token", _reference("Token"))},
                body=_OBJECT,
            ),
            "description": "Needs no scope.",
        }
    },
}
_SCHEMAS = {
    "Token": _schema(
        ("token", "agent", "scopes", "expires_at"),
        token=_TEXT,
        agent=_TEXT,
        is_prefix={"type": "boolean"},
        scopes={"type": "array", "items": _TEXT},
        asks=_TEXT,
        expires_at=_TEXT,
        previous_until=_MAYBE,
    ),
    "Error": _schema(("error", "message"), error=_TEXT, message=_TEXT, field=_TEXT),
    "Request": _schema(
        ("id", "type", "agent", "context", "status"),
        id=_TEXT,
        type=_TEXT,
        agent=_TEXT,
        context=_OBJECT,
        status=_TEXT,
        asked_at=_TEXT,
        timeout={"type": ["number", "null"]},
        key=_MAYBE,
        digest=_MAYBE,
        warning=_MAYBE,
        callback={"type": ["object", "null"], "description": "What became of telling the asker"},
    ),
    "Outcome": _schema(
        ("id", "status", "approved", "responder", "reason"),
        id=_TEXT,
        status={"enum": [*RESPONSE_OF_END.values(), CHANGES, UNAVAILABLE, UNKNOWN]},
        approved={"type": "boolean"},
        edited={
            "type": ["object", "null"],
            "description": "What was approved in the place of what was asked",
        },
        responder=_TEXT,
        reason=_TEXT,
        ended_at=_TEXT,
        channel=_TEXT,
        verified={"type": ["boolean", "null"]},
        collected_at=_MAYBE,
        collected_by=_MAYBE,
        signature={"type": ["string", "null"], "description": "Of the site, as signed decisions have it"},
    ),
}
DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Agent telemetry for agents",
        "version": "1",
        "description": f"A token may ask and never decide. Scopes: {', '.join(SCOPES)}.",
    },
    "servers": [{"url": "/api/v1"}],
    "security": [{"token": []}],
    "paths": {f"/{path}": ways for path, ways in PATHS.items()},
    "components": {
        "schemas": _SCHEMAS,
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    },
}
