"""What a person reads of Python on the health page; a part of dashboard/words.py that only this room says."""

from core.history.proof.verification import RecordState

NO_CHECKPOINT = "There is no checkpoint of the record, or its file cannot be seen: a cut would not show."
OLD_CHECKPOINT = (
    "The newest checkpoint of the record is more than an hour old: a cut of what came later would not show."
)
NOTHING_PUT_AWAY = "There was nothing to put away: it was done already, or recorded meanwhile."


def put_away_words(count: int) -> str:
    """That a banner is gone, and what stays."""
    if count == 1:
        return "The banner of 1 set aside change is put away. It stays set aside, and can be recorded again here."
    return f"The banner of {count} set aside changes is put away. They stay set aside, and can be recorded again here."


def checkpoint_worry(state: RecordState) -> str:
    """That the record's newest checkpoint is old or away; '' when there is nothing to worry about."""
    if not state.checkpoint_old:
        return ""
    return NO_CHECKPOINT if state.checkpoint_at is None else OLD_CHECKPOINT
