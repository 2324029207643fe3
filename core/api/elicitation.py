"""What a server of tools asks its user: a JSON schema, which people answer as a form where it is a simple one.

The fields of the answer stand in the request, with what they are by default, and people change them. What they leave
as it is must fit the schema too, or it is declined.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.api.answers import Refused, Reply

ELICITATION = "Elicitation"
EMPTY: dict[str, Any] = {"string": "", "number": 0, "integer": 0, "boolean": False}
BOUNDS = ("minLength", "maxLength", "minimum", "maximum")
FIELDS = 50


@dataclass(frozen=True)
class Form:
    """One such question. `fields`: the schema of each field by its name; None for what is no simple form."""

    session: str
    context: dict[str, Any]
    fields: dict[str, dict[str, Any]] | None
    required: frozenset[str]
    use: str
    event: str = ELICITATION
    name: str = ELICITATION

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Form":
        """As it was posted; Refused where it is none."""
        for field in ("session_id", "message"):
            if not isinstance(body.get(field), str) or not body[field]:
                raise Refused(400, field, f"{field} must be a text.", of=field)
        schema = body.get("requested_schema")
        fields = _simple(schema)
        server = body.get("mcp_server_name")
        context: dict[str, Any] = {
            "server": server if isinstance(server, str) else "",
            "message": body["message"],
            "answer": {name: _first(said) for name, said in (fields or {}).items()},
        }
        titles = {name: said["description"] for name, said in (fields or {}).items() if "description" in said}
        choices = {name: said["enum"] for name, said in (fields or {}).items() if "enum" in said}
        context |= ({"fields": titles} if titles else {}) | ({"choices": choices} if choices else {})
        required = schema.get("required") if isinstance(schema, dict) else None
        needed = frozenset(map(str, required)) if isinstance(required, list) else frozenset()
        return cls(body["session_id"], context, fields, needed, uuid.uuid4().hex)

    @property
    def is_simple(self) -> bool:
        """Whether people can answer it here."""
        return self.fields is not None

    @property
    def key(self) -> str:
        """Under which it is asked: clients have no name for it, so each is a question of its own."""
        return f"{self.session[:200]}:{self.use}"

    @property
    def declined(self) -> Reply:
        """No answer."""
        return _reply({"action": "decline"})

    def accepted(self, answer: object) -> Reply | None:
        """What people left in the fields; None where that does not fit."""
        if not isinstance(answer, dict) or self.fields is None or answer.keys() != self.fields.keys():
            return None
        filled = {name: said for name, said in answer.items() if said != "" or name in self.required}
        if all(_fits(said, self.fields[name]) for name, said in filled.items()):
            return _reply({"action": "accept", "content": filled})
        return None


def _reply(said: dict[str, Any]) -> Reply:
    return Reply(200, {"hookSpecificOutput": {"hookEventName": ELICITATION, **said}})


def _simple(schema: object) -> dict[str, dict[str, Any]] | None:
    """The fields of a flat object of texts, numbers, choices and yes or no; None for everything else."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    fields = schema.get("properties")
    if not isinstance(fields, dict) or not 1 <= len(fields) <= FIELDS:
        return None
    return fields if all(isinstance(said, dict) and _is_simple(said) for said in fields.values()) else None


def _is_simple(said: Mapping[str, Any]) -> bool:
    """Whether this is one text, number, choice or yes or no, with bounds that can be compared with."""
    kind, choices = said.get("type"), said.get("enum", [None])
    if not isinstance(kind, str) or kind not in EMPTY or "pattern" in said:
        return False
    bounds = (said[name] for name in BOUNDS if name in said)
    return isinstance(choices, list) and bool(choices) and all(_is_of(bound, "number") for bound in bounds)


def _first(said: Mapping[str, Any]) -> Any:
    """What stands in a field at first."""
    empty = EMPTY[said["type"]]
    default = said.get("default", empty)
    return default if _is_of(default, said["type"]) else empty


def _fits(value: object, said: Mapping[str, Any]) -> bool:
    if not _is_of(value, said["type"]) or ("enum" in said and value not in said["enum"]):
        return False
    size: Any = len(value) if isinstance(value, str) else value
    names = BOUNDS[:2] if isinstance(value, str) else BOUNDS[2:]
    least, most = (said.get(name) for name in names)
    if isinstance(value, str) and not value.strip():
        return False
    return (least is None or size >= least) and (most is None or size <= most)


def _is_of(value: object, kind: str) -> bool:
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole if kind == "integer" else isinstance(value, (int, float))
