"""What the site says of approvals to whoever asks and answers: one key, which the scripts read as they run."""

from collections.abc import Iterable, Mapping

from ...values.approvals import BEGINNINGS, DIRECT
from ..client import Store
from ..keys import Keys, quoted
from ..script import SCRIPTS, Argument, Command

ANY = "*"  # every kind, or agent, that no field names; a name from outside is never written so


def field(kind: str, agent: str) -> str:
    """Under which name it stands whether anybody can approve a kind of an agent; both quoted, or ANY."""
    return f"can:{kind}:{agent}"


def beginning(name: str) -> str:
    """What stands in a field for all agents whose quoted name begins so, and that no field names."""
    return f"{name}*"


def fields_of(approval_type: str, agent_id: str) -> list[str]:
    """The fields that may speak of a request, of its kind and of every kind: of its agent, and of any.

    The first that is there counts; between them are those of how the name of the agent begins, the longest first.
    """
    kind, agent = quoted(approval_type), quoted(agent_id)
    return [field(*names) for names in ((kind, agent), (kind, ANY), (ANY, agent), (ANY, ANY))]


def version(store: Store) -> str:
    """The version of rights, to be asked for before people and policy are read."""
    return (store.read("GET", store.keys.rights) or b"0").decode(errors="replace")


def publish(
    keys: Keys, version: str, direct: str, can: Mapping[str, bool], beginnings: Iterable[str] = ()
) -> Command[bool]:
    """Say it in the place of what was said before; False where rights are others since `version`.

    direct: whether answers by a call in Python are taken. can: by `field`. beginnings: those that it has fields of.
    """
    lengths = sorted({len(name) for name in beginnings}, reverse=True)
    args: list[Argument] = [version, DIRECT, direct]
    args += [BEGINNINGS, " ".join(map(str, lengths))] if lengths else []
    for name, anybody in can.items():
        args += [name, "1" if anybody else "0"]
    return Command(SCRIPTS["approvals/policy"], [keys.approvals_policy, keys.rights], args, bool)
