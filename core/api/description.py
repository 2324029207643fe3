"""What there is at this door, as OpenAPI 3.1."""

from collections.abc import Mapping
from typing import Any

from core.history.people.tokens import SCOPES
from core.values.approvals import CHANGES, RESPONSE_OF_END, UNAVAILABLE, UNDERSTANDABLE, UNKNOWN

Schema = dict[str, Any]
Answers = Mapping[str, tuple[str, Schema | None]]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_YES_OR_NO: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_MAYBE: Schema = {"type": ["string", "null"]}
_AGENT = {"type": "string", "description": "With the token of a fleet: what follows its beginning"}


def _says(description: str, *types: str) -> Schema:
    return {"type": types[0] if len(types) == 1 else list(types), "description": description}


def _list_of(schema: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": schema, **more}


def _schema(required: tuple[str, ...] = (), **fields: Any) -> Schema:
    return {"type": "object", "properties": fields, "required": list(required)}


def _query(name: str, says: str, schema: Schema = _TEXT, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": says, "schema": schema, **more}


def _header(name: str, says: str) -> dict[str, Any]:
    return {**_query(name, says), "in": "header"}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _answered(says: str, scope: str, answers: Answers) -> dict[str, Any]:
    said = {
        code: {"description": what, **({} if schema is None else _json(schema))}
        for code, (what, schema) in answers.items()
    }
    return {
        "summary": says,
        "description": f"Needs the scope `{scope}`.",
        "responses": {**said, "default": {"description": "No, and why", **_json(_reference("Error"))}},
    }


def _get(says: str, scope: str, answers: Answers, *fields: dict[str, Any]) -> dict[str, Any]:
    parameters = [*fields, _query("agent", _AGENT["description"])]
    return {"get": {**_answered(says, scope, answers), "parameters": parameters}}


def _post(says: str, scope: str, answers: Answers, body: Schema, *fields: dict[str, Any]) -> dict[str, Any]:
    taken = {"parameters": [*fields], "requestBody": {"required": True, **_json(body)}}
    return {"post": {**_answered(says, scope, answers), **taken}}


def _open_post(says: str, answers: Answers, body: Schema) -> dict[str, Any]:
    way = {**_post(says, "", answers, body)["post"], "description": "Needs no token.", "security": []}
    del way["parameters"]
    return {"post": way}


_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_CLAIM = _query("claim", "An approval is for this name alone; 409 for every other one")
_UNDERSTANDS = _query("understands", "The words of understands at asking, with commas between them")
_WAIT = _query("wait", "Seconds to wait, at most 30", _NUMBER)
_TYPE = _query("type", "Of this type")
_REQUEST = ("The request", _reference("Request"))
_KEPT = _schema(id=_TEXT)
_NEXT = _says("Where there is more: what older_than says next", "string")
_BEAT = _schema(
    agent=_AGENT,
    status=_TEXT,
    progress=_SHARE,
    task=_TEXT,
    run=_says("The client's own name for this run", "string"),
    display_name=_MAYBE,
    metadata=_OBJECT,
)
_BEATEN: Answers = {"200": ("Heard", _schema(agent=_TEXT, conflict=_YES_OR_NO))}
_NOT_TAKEN: Answers = {
    code: (says, _reference("Error"))
    for code, says in (
        ("413", "The body has more than 1 MiB"),
        ("422", "It is more than the site allows, also later: its message says what to leave out"),
        ("429", "Not now: ask again after the seconds of Retry-After"),
    )
}
_QUESTION = _schema(
    ("type",),
    agent=_AGENT,
    type=_says("What kind of action, such as deploy", "string"),
    context=_says("What will be done: at most 256 KiB", "object"),
    timeout=_says("Seconds, by default 300; null for no deadline", "number", "null"),
    key=_says("The same key gives the same request, whoever asks again", "string", "null"),
    understands={
        **_says("What people may answer beside yes and no, as whoever waits must say too", "array", "null"),
        "items": {"enum": [*UNDERSTANDABLE]},
    },
    revises=_says("The request that was answered by asking back", "string", "null"),
    callback_url=_says("Where the decision is posted to, signed", "string", "null"),
)

PATHS: dict[str, dict[str, Any]] = {
    "requests": {
        **_post(
            "Ask for approval",
            "ask",
            {"201": _REQUEST, "200": ("The request that the key names already", _REQUEST[1]), **_NOT_TAKEN},
            _QUESTION,
            _header("Idempotency-Key", "The same as key"),
        ),
        **_get(
            "The agent's requests, newest first; of large contexts about 1 MiB at once",
            "ask",
            {"200": ("They", _schema(requests=_list_of(_reference("Request")), next=_NEXT))},
            _query("key", "Only the one of this key"),
            _query("status", "Only those of this status"),
            _query("older_than", "The id that the answer before had as next"),
        ),
    },
    "requests/{id}": _get("One request", "ask", {"200": _REQUEST}, _ID),
    "requests/{id}/outcome": _get(
        "How it ended, waiting for it",
        "ask",
        {"200": ("It has ended", _reference("Outcome")), "202": ("It is pending", _OBJECT)},
        *(_ID, _WAIT, _CLAIM, _UNDERSTANDS),
    ),
    "requests/ended": _post(
        "Which of many have ended, waiting for the first",
        "ask",
        {"200": ("They", _schema(ended=_list_of(_TEXT)))},
        _schema(
            ("ids",),
            agent=_AGENT,
            ids=_list_of(_TEXT, description="At most 1,000"),
            wait=_says("Seconds to wait, at most 30", "number"),
        ),
    ),
    "requests/{id}/stream": _get(
        "How it ended, as a server-sent event",
        "ask",
        {"200": ("The event outcome, and the end of the stream", None)},
        *(_ID, _CLAIM, _UNDERSTANDS),
    ),
    "requests/{id}/cancel": _post("Withdraw it", "ask", {"200": _REQUEST}, _schema(agent=_AGENT), _ID),
    "start": _post("A run begins", "beat", _BEATEN, _BEAT),
    "beat": _post("It lives: every 10 seconds", "beat", _BEATEN, _BEAT),
    "stop": _post("It ends", "beat", _BEATEN, _BEAT),
    "signals": {
        **_post(
            "Send a signal to an agent, or to all without a target",
            "signal",
            {"201": ("Sent", _KEPT)},
            _schema(("type",), agent=_AGENT, type=_TEXT, target=_MAYBE, payload=_OBJECT, ttl=_NUMBER),
        ),
        **_get(
            "Consume the oldest signal of a type, waiting for it",
            "signal",
            {"200": ("The signal", _OBJECT), "204": ("There is none", None)},
            _query("type", "Of which type", required=True),
            _query("from", "Only of this sender"),
            _WAIT,
            _query("claim", "The client's own word: with it the same signal comes again for 10 seconds"),
        ),
    },
    "events": {
        **_post(
            "Publish an event",
            "events",
            {"201": ("Published", _KEPT), **_NOT_TAKEN},
            _schema(("type",), agent=_AGENT, type=_TEXT, data=_OBJECT),
        ),
        **_get(
            "What was published, oldest first, without the site's own",
            "events",
            {"200": ("They", _schema(events=_list_of(_OBJECT)))},
            _TYPE,
            _query("after", "The id of the last one that is known"),
        ),
    },
    "events/stream": _get(
        "What is published, as server-sent events without an end",
        "events",
        {"200": ("One after the other, with their ids", None)},
        _TYPE,
        _query("after", "The id of the last one that is known; left out, from now on"),
        _header("Last-Event-ID", "The same, as clients send it by themselves"),
    ),
    "feedback": _post(
        "Rate the work of a stage",
        "usage",
        {"201": ("Kept", _KEPT)},
        _schema(
            ("workflow", "stage", "tier", "quality"),
            agent=_AGENT,
            workflow=_TEXT,
            stage=_TEXT,
            tier={"enum": ["cheap", "capable", "premium"]},
            quality=_SHARE,
            metadata=_OBJECT,
        ),
    ),
    "hooks/claude-code": _post(
        "A hook of Claude Code or GitHub Copilot, as the client posts it",
        "ask",
        {"200": ("What the client does now; {} is no opinion", _OBJECT), **_NOT_TAKEN},
        _OBJECT,
        _query("timeout", "Seconds after which the client gives up, by default 60", _NUMBER),
        _query("understands", "edited, where the client takes another input of its tool"),
        _query("agent", _AGENT["description"]),
    ),
    "calls": _post(
        "Keep calls of models: one, or the list `calls`, with the arguments of track_llm_call",
        "usage",
        {"202": ("Kept", _schema(kept={"type": "integer"}))},
        _OBJECT,
    ),
    "connect": _open_post(
        "Ask for a token by a code that a person confirms",
        {"201": ("The code, and what to fetch the token with", _OBJECT)},
        _schema(
            ("machine", "agent", "client"),
            **dict.fromkeys(("machine", "agent", "client"), _TEXT),
            scopes=_list_of({"enum": list(SCOPES)}),
        ),
    ),
    "connect/token": _open_post(
        "Fetch the token that a person gave to a code",
        {"200": ("The token", _reference("Token")), "202": ("Nobody has answered", _OBJECT)},
        _schema(("device_code",), device_code=_TEXT),
    ),
    "token/rotate": _post(
        "The next secret of this token; the one that was shown works on for a while",
        "",
        {"200": ("The token", _reference("Token"))},
        _OBJECT,
    ),
}
PATHS["token/rotate"]["post"]["description"] = "Needs no scope."
_SCHEMAS = {
    "Token": _schema(
        ("token", "agent", "scopes", "expires_at"),
        **dict.fromkeys(("token", "agent", "asks", "expires_at"), _TEXT),
        is_prefix=_YES_OR_NO,
        scopes=_list_of(_TEXT),
        previous_until=_MAYBE,
    ),
    "Error": _schema(("error", "message"), **dict.fromkeys(("error", "message", "field"), _TEXT)),
    "Request": _schema(
        ("id", "type", "agent", "context", "status"),
        **dict.fromkeys(("id", "type", "agent", "status", "asked_at"), _TEXT),
        **dict.fromkeys(("key", "digest", "warning"), _MAYBE),
        context=_OBJECT,
        timeout={"type": ["number", "null"]},
        callback=_says("What became of telling the asker", "object", "null"),
    ),
    "Outcome": _schema(
        ("id", "status", "approved", "responder", "reason"),
        **dict.fromkeys(("id", "responder", "reason", "ended_at", "channel"), _TEXT),
        **dict.fromkeys(("collected_at", "collected_by"), _MAYBE),
        status={"enum": [*RESPONSE_OF_END.values(), CHANGES, UNAVAILABLE, UNKNOWN]},
        approved=_YES_OR_NO,
        edited=_says("What was approved in the place of what was asked", "object", "null"),
        verified={"type": ["boolean", "null"]},
        signature=_says("Of the site, as signed decisions have it", "string", "null"),
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
