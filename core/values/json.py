"""JSON objects from outside: checked whole before anything is stored, and stored exactly."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

MAX_DEPTH = 64
MAX_INT_BITS = 14_285  # above, it has more than the 4,300 digits that Python writes
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plain_bytes(value: Any) -> bytes:
    return _COMPACT.encode(value).encode()


_quick: Callable[[bytes | str], Any] | None = None
try:
    # The site has it: it writes a call in a sixth of the time, and reads one in a quarter.
    from msgspec.json import Decoder
    from msgspec.json import encode as _encode

    _quick = Decoder().decode
except ImportError:
    _encode = _plain_bytes  # type: ignore[assignment]

# What is known to be JSON, as its shortest text in UTF-8.
json_bytes: Callable[[Any], bytes] = _encode


def encode_json_object(
    value: object, argument: str, max_bytes: int, default: Callable[[Any], Any] | None = None
) -> bytes:
    """Return `value` as UTF-8 JSON, or raise ValueError naming the argument and the place in it.

    default: asked for what JSON does not have, as in `json.dumps`; what it raises is not caught.

    Refused: anything but a dict, keys that are not str, NaN and infinities, lone surrogates,
    types that JSON does not have, more than 64 levels, more than `max_bytes`. Large or self-repeating
    values are refused without being written out first.
    """
    if default is not None:
        value = _converted(value, argument, default, [2 * max_bytes])
    if not isinstance(value, dict):
        raise ValueError(f"{argument} must be a JSON object (a dict), not {type(value).__name__}")
    if not _surely_fine(value, 2 * max_bytes):
        _check(value, argument, max_bytes)
    try:
        encoded = _COMPACT.encode(value).encode()
    except (TypeError, ValueError) as error:
        _check(value, argument, max_bytes)  # names the place of an int that has no text
        raise ValueError(f"{argument} is not JSON: {error}") from error
    if len(encoded) > max_bytes:
        raise ValueError(f"{argument} has {len(encoded):,} bytes as JSON; at most {max_bytes:,} are kept")
    return encoded


def measure(text: bytes) -> tuple[int, int]:
    """How many values stand in JSON text, lists and objects among them, and on how many levels."""
    level, values, levels = [json.loads(text)], 0, 0
    while below := [part for value in level for part in _parts(value)]:
        level, values, levels = below, values + len(below), levels + 1
    return values, levels


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def checked_text(value: object, argument: str, max_length: int) -> str:
    """Return `value` if it is a str of at most `max_length` characters that UTF-8 can hold."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be a str, not {type(value).__name__}")
    if len(value) > max_length:
        raise ValueError(f"{argument} has {len(value):,} characters; at most {max_length:,} are kept")
    if not is_unicode(value):
        raise ValueError(f"{argument} has a lone surrogate, which UTF-8 cannot hold")
    return value


def storable(text: str) -> str:
    """`text` for any database: a NUL and what UTF-8 cannot hold as escapes, `\\u0000` and `\\ud800`."""
    return text.replace("\x00", "\\u0000").encode(errors="backslashreplace").decode()


def loads_strictly(text: bytes | str) -> Any:
    """Parse JSON from Redis; ValueError for NaN and for numbers that no float holds."""
    if _quick is not None:
        try:
            return _quick(text)
        except (ValueError, RecursionError):
            pass  # it refuses more, such as half a surrogate; what it takes, both read alike
    return _read_by_python(text)


def _read_by_python(text: bytes | str) -> Any:
    whole = text.decode() if isinstance(text, bytes) else text
    try:
        # `decode` also looks for spaces around the value, which takes as long again.
        value, end = _STRICT.scan_once(whole, 0)  # type: ignore[attr-defined]  # typeshed leaves it out
        if end == len(whole):
            return value
    except StopIteration:
        pass
    return _STRICT.decode(whole)


def loads_from_outside(text: bytes) -> Any:
    """The same of what a stranger sent; ValueError also for a repeated key, bytes or escapes that are no Unicode, and
    for what nests deeper than Python goes."""
    try:
        found = _ONCE.decode(text.decode())
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    if _SURROGATE.search(text) and not is_unicode(json.dumps(found, ensure_ascii=False)):
        raise ValueError("it has a lone surrogate, which UTF-8 cannot hold")
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; ValueError for a key that comes twice: readers differ in which of them counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _value in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:100]!r} comes twice")
    return found


def finite(text: str) -> float:
    """The number that `text` writes; ValueError unless it is finite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


# Kept: `json.dumps` with options makes a new one for each value.
_STRICT = json.JSONDecoder(parse_constant=finite, parse_float=finite)
_ONCE = json.JSONDecoder(parse_constant=finite, parse_float=finite, object_pairs_hook=once)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _surely_fine(root: dict[Any, Any], most: int) -> bool:
    """The quick way for what is usual: plain types and ASCII. False only means that `_check` must look."""
    level: list[Any] = [root]
    least = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                if not value.isascii():
                    return False
                least += len(value)
            elif kind is dict:
                if not all(type(key) is str for key in value):
                    return False
                below += value.keys()
                below += value.values()
            elif kind is list:
                below += value
            elif not (
                value is None or kind is int or kind is bool or (kind is float and math.isfinite(value))
            ):
                return False
            if least + len(below) > most:
                return False
        if not below:
            return True
        least += len(below)
        level = below
    return False


def _check(root: dict[Any, Any], argument: str, max_bytes: int) -> None:
    # A stack, not recursion: the depth is the sender's choice. Each value and character is a byte or more:
    # counted here, since few objects that repeat each other can stand for more than memory holds.
    waiting: list[tuple[object, str, int]] = [(root, argument, 1)]
    least = 0
    while waiting:
        value, place, depth = waiting.pop()
        least += 1 + (len(value) if isinstance(value, (str, dict, list, tuple)) else 0)
        if least > 2 * max_bytes:
            raise ValueError(f"{argument} is far larger than {max_bytes:,} bytes as JSON")
        if isinstance(value, str):
            if not is_unicode(value):
                raise ValueError(f"{place} has a lone surrogate, which UTF-8 cannot hold")
        elif isinstance(value, int):
            if value.bit_length() > MAX_INT_BITS:
                raise ValueError(f"{place} is an int of thousands of digits, which has no text")
        elif value is None:
            continue
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise ValueError(f"{place} is {value}, which JSON cannot hold")
        elif isinstance(value, (dict, list, tuple)):
            if depth > MAX_DEPTH:
                raise ValueError(f"{argument} nests deeper than {MAX_DEPTH} levels")
            waiting.extend(_children(value, place, depth + 1))
        else:
            raise ValueError(f"{place} is a {type(value).__name__}, which JSON does not have")


def _converted(
    value: Any, argument: str, default: Callable[[Any], Any], left: list[int], depth: int = 1
) -> Any:
    """A copy in which only types of JSON are left; those that `default` gives too much of are refused early."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if depth > MAX_DEPTH:
        raise ValueError(f"{argument} nests deeper than {MAX_DEPTH} levels")
    left[0] -= 1 + (len(value) if isinstance(value, (dict, list, tuple)) else 0)
    if left[0] < 0:
        raise ValueError(f"{argument} is far larger than its bytes may be as JSON")
    if isinstance(value, dict):
        return {key: _converted(item, argument, default, left, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_converted(item, argument, default, left, depth + 1) for item in value]
    return _converted(default(value), argument, default, left, depth + 1)


def _children(value: Any, place: str, depth: int) -> list[tuple[object, str, int]]:
    if not isinstance(value, dict):
        return [(item, f"{place}[{index}]", depth) for index, item in enumerate(value)]
    children: list[tuple[object, str, int]] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValueError(f"{place} has the key {key!r}; JSON keys are strings")
        children.append((key, f"a key of {place}", depth))
        children.append((item, f"{place}.{storable(key[:40])}", depth))
    return children


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it: it has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
