"""The command of automated work: a record of it for SQL, of which Redis keeps nothing else."""

from .keys import Keys
from .script import SCRIPTS, Command


def record(keys: Keys, *, kind: str, text: bytes) -> Command[int]:
    """Put a record, a JSON object, into the outbox: the length of an outbox that is capped, else 0."""
    return Command(SCRIPTS["automation/record"], [keys.outbox, keys.installation], [kind, text], int)
