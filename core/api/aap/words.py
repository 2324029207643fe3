"""What comes in by the protocol, read strictly, and the errors that go out. A field that there is not is refused."""

import json
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from core.api.answers import Refused
from core.history.protocol.values import digest_of
from core.values.json import encode_json_object, finite

BODY_BYTES = 256 * 1024
LEVELS = 32
TOOL_LENGTH = 200
REASONING_LENGTH = 16 * 1024
NOTE_LENGTH = 2_000
KEY_LENGTH = 255
LONGEST_SECONDS = 7 * 24 * 3600.0
LONGEST_WAIT = 30.0
UNITS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"[1-9][0-9]{0,11}[smh]")
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
TYPES = {
    400: "invalid_request", 401: "authentication", 403: "authorization", 404: "not_found", 409: "conflict",
    422: "invalid_request", 429: "rate_limit", 500: "internal", 503: "dependency",
}  # fmt: skip
OTHERWISE = {405: 404, 413: 400, 415: 400}  # statuses that the protocol does not know
INVALID, NOT_FOUND, MISSING_KEY = "invalid_request", "not_found", "missing_idempotency_key"


class AgentQuestion(NamedTuple):
    """What an agent asks. `about`: all of it but tool and timeout, as people see it."""

    tool: str
    timeout: str
    about: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long it may wait: a longer time is cut to a week."""
        return min(LONGEST_SECONDS, float(int(self.timeout[:-1]) * UNITS[self.timeout[-1]]))

    @property
    def digest(self) -> str:
        """Equal for what says the same."""
        return digest_of([self.tool, self.timeout, self.about])


def question(body: Mapping[str, Any]) -> AgentQuestion:
    """A question as it was sent; Refused by the name of the field that is wrong."""
    fields(body, ("tool", "arguments", "timeout"), ("agent_reasoning", "context", "server"))
    tool, timeout = text(body, "tool", TOOL_LENGTH), text(body, "timeout", 20)
    if not DURATION.fullmatch(timeout):
        raise invalid("timeout", "timeout must be a whole number and s, m or h, such as 30m.")
    about: dict[str, Any] = {"arguments": _object(body, "arguments")}
    if "agent_reasoning" in body:
        about["agent_reasoning"] = text(body, "agent_reasoning", REASONING_LENGTH, least=0)
    if "context" in body:
        about["context"] = _object(body, "context")
    if "server" in body:
        about["server"] = text(body, "server", TOOL_LENGTH)
    try:
        encode_json_object(about, "arguments", BODY_BYTES)
    except ValueError as error:
        raise invalid("arguments", f"{error}") from error
    return AgentQuestion(tool, timeout, about)


def fields(body: Mapping[str, Any], needed: tuple[str, ...], more: tuple[str, ...] = ()) -> None:
    """Refused for a field that is missing, null, or not there in the protocol."""
    for name in needed:
        if name not in body:
            raise invalid(name, f"{name} is missing.")
    for name, value in body.items():
        if name not in (*needed, *more):
            raise invalid(name[:100], f"There is no field {name[:100]!r}.")
        if value is None:
            raise invalid(name, f"{name} is null: leave it out.")


def text(body: Mapping[str, Any], name: str, most: int, *, least: int = 1) -> str:
    """A text of `least` to `most` characters that UTF-8 can hold; Refused for anything else."""
    value = body[name]
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise invalid(name, f"{name} must be a text of {least} to {most:,} characters.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise invalid(name, f"{name} has a lone surrogate, which UTF-8 cannot hold.") from error
    return value


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body[name]
    if not isinstance(value, dict):
        raise invalid(name, f"{name} must be an object.")
    level: list[Any] = [value]
    for _ in range(LEVELS):
        level = [item for part in level for item in _parts(part)]
    if level:
        raise invalid(name, f"{name} nests deeper than {LEVELS} levels.")
    return value


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def body_object(kind: bytes, sent: bytes) -> dict[str, Any]:
    """The object that was sent; Refused for anything else."""
    if kind.split(b";")[0].strip().lower() != b"application/json":
        raise invalid("", "Send JSON, with the header “Content-Type: application/json”.")
    try:
        # As text: of bytes Python takes UTF-16 too, which is no JSON to whoever reads it on its way.
        said = json.loads(sent.decode(), object_pairs_hook=_once, parse_float=_exact, parse_constant=_exact)
    except (ValueError, RecursionError) as error:
        raise invalid("", "The body is no JSON that can be told again as it came.") from error
    if not isinstance(said, dict):
        raise invalid("", "The body must be an object.")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError("a key stands there twice")
    return said


def _exact(written: str) -> float:
    """The number, where a float tells it again as it was written: what is approved is what was asked."""
    number = finite(written)
    try:
        is_exact = Decimal(written) == Decimal(repr(number))
    except ArithmeticError:  # an exponent that no decimal has either
        is_exact = False
    if not is_exact:
        raise ValueError(f"{written} is more exact than a float")
    return number


def idempotency_key(header: bytes) -> str:
    """The header, 1 to 255 printable characters of ASCII; Refused else."""
    key = header.decode("latin-1")
    if not key:
        raise Refused(400, MISSING_KEY, "Send the header Idempotency-Key: one for each attempt.")
    if len(key) > KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise invalid("", f"Idempotency-Key must be at most {KEY_LENGTH} printable characters of ASCII.")
    return key


def wait_seconds(said: str | None) -> float:
    """Of `wait`: a longer one is cut to 30 s, none is 0; Refused for what is no duration."""
    if said is None:
        return 0.0
    if not DURATION.fullmatch(said):
        raise invalid("wait", "wait must be a whole number and s, m or h, such as 30s.")
    return min(LONGEST_WAIT, float(int(said[:-1]) * UNITS[said[-1]]))


def identifier(said: str) -> uuid.UUID | None:
    """A UUID as it is written; None for anything else."""
    try:
        found = uuid.UUID(said)
    except ValueError:
        return None
    return found if str(found) == said.lower() else None


def invalid(param: str, message: str) -> Refused:
    """400 for this field."""
    return Refused(400, INVALID, message, of=param)


def not_found() -> Refused:
    """404, for what there is not and for what is another's."""
    return Refused(404, NOT_FOUND, "There is no such resource for this credential.")


def failure(refused: Refused, exchange: str) -> tuple[int, dict[str, Any]]:
    """The status and the body of an error."""
    status = OTHERWISE.get(refused.status, refused.status)
    code = refused.word if CODE.fullmatch(refused.word) else "refused"
    error = {
        "type": TYPES.get(status, INVALID),
        "code": code,
        "message": str(refused),
        "request_id": exchange,
    }
    if refused.field:
        error["param"] = refused.field
    return status, {"error": error}
