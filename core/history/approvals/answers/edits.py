"""An approval of other arguments than those that were asked for: the same structure, other values.

Keys, the length of lists and the JSON type of each value stay: what the agent calls with them still fits.
"""

from typing import Any, NamedTuple

from core.approvals.question import MAX_CONTEXT_BYTES
from core.history.approvals.policy import Verdict
from core.history.approvals.terms import Path, name_of, same
from core.store.approvals import RequestRecord
from core.values.approvals import CHANGES, EDITED
from core.values.json import encode_json_object, loads_strictly
from core.values.malformed import ODD
from core.values.text import visible

NOT_EDITED = "requests of this kind may not be edited"
NOT_UNDERSTOOD = "its agent did not say that it understands this answer"
NO_JSON = "what it was changed to is no JSON object: {error}"
NO_CHANGE = "nothing was changed"
NO_QUESTION = "to ask back takes a question, in words that can be read"
NOT_THE_SAME = "{name} must stay {what}"


class ArgumentChange(NamedTuple):
    """One value that is another one: where, what was asked, and what is approved."""

    path: Path
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The path for a reader."""
        return name_of(self.path)


def checked(verdict: Verdict, record: RequestRecord, answer: str, edited: str, question: str) -> str:
    """The changed arguments as they are stored, or ''; ValueError, as a sentence, for an answer that may not be given.

    answer: edited, changes or ''.
    """
    if answer and answer not in record.understands:
        raise ValueError(NOT_UNDERSTOOD)
    if answer == CHANGES and not visible(question):
        raise ValueError(NO_QUESTION)
    if answer != EDITED:
        return ""
    if not verdict.edits:
        raise ValueError(NOT_EDITED)
    wanted = parsed(edited)
    if not differences(record.context_object, wanted):
        raise ValueError(NO_CHANGE)
    return encode_json_object(wanted, "what it was changed to", MAX_CONTEXT_BYTES).decode()


def parsed(text: str) -> dict[str, Any]:
    """The object that a person wrote; ValueError, as a sentence, for none."""
    try:
        found = loads_strictly(text.strip())
    except ODD as error:
        raise ValueError(NO_JSON.format(error=error)) from error
    if not isinstance(found, dict):
        raise ValueError(NO_JSON.format(error=kind_of(found)))
    return found


def differences(asked: Any, wanted: Any) -> list[ArgumentChange]:
    """What differs, in order; ValueError, as a sentence, where that is more than values."""
    found: list[ArgumentChange] = []
    left: list[tuple[Path, Any, Any]] = [((), asked, wanted)]
    while left:
        path, before, after = left.pop()
        if kind_of(before) != kind_of(after):
            raise ValueError(NOT_THE_SAME.format(name=name_of(path), what=kind_of(before)))
        if isinstance(before, dict):
            if before.keys() != after.keys():
                raise ValueError(NOT_THE_SAME.format(name=name_of(path), what="an object of the same keys"))
            left += [((*path, key), before[key], after[key]) for key in reversed(before)]
        elif isinstance(before, list):
            if len(before) != len(after):
                what = f"a list of {len(before)}"
                raise ValueError(NOT_THE_SAME.format(name=name_of(path), what=what))
            pairs = list(zip(before, after, strict=True))
            left += [((*path, place), *pairs[place]) for place in reversed(range(len(pairs)))]
        elif not same(before, after):
            found.append(ArgumentChange(path, before, after))
    return found


def unmasked(asked: Any, masked: Any, wanted: Any) -> Any:
    """What a person wants, with the values of what was asked where the page had hidden them, and they stand so yet."""
    if isinstance(asked, dict) and isinstance(masked, dict) and isinstance(wanted, dict):
        return {
            key: unmasked(asked[key], masked[key], value) if key in asked and key in masked else value
            for key, value in wanted.items()
        }
    if isinstance(asked, list) and isinstance(masked, list) and isinstance(wanted, list):
        known = min(len(asked), len(masked))
        return [
            unmasked(asked[place], masked[place], value) if place < known else value
            for place, value in enumerate(wanted)
        ]
    return asked if type(wanted) is type(masked) and wanted == masked else wanted


def kind_of(value: Any) -> str:
    """The JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
