"""Signs of life from a script, which is one process after the other: together they are one run."""

import json
import os
import socket
import uuid

from ..agent_tracking import HeartbeatCoordinator
from ..agents.instance import AgentInstance, Said

SPACE = uuid.UUID("5f0b7a3e-2f6c-4c55-9a55-0f3a8f6b6f11")


def run_name() -> str:
    """The run that this process is a step of: that of its parent, such as the shell of a script."""
    return f"{socket.gethostname()} {os.getppid()}"


class _Step(AgentInstance):
    """One of the processes of a run."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        super().__init__()
        self.id = uuid.uuid5(SPACE, f"{run_name()} {agent}").hex

    def begin_run(self) -> None:
        super().begin_run()
        self.run_id = uuid.uuid5(SPACE, f"run {run_name()} {self._agent}").hex


class ScriptHeart(HeartbeatCoordinator):
    """Beats once, for the run of its parent; unlike its base it raises StoreUnavailable."""

    def __init__(self, memory: object, agent: str) -> None:
        super().__init__(memory)
        self.agent_id = agent
        self._identity = f'"agent_id":{json.dumps(agent)},"display_name":null,"metadata":{{}},'
        self._instance: AgentInstance = _Step(agent)

    def tell(self, said: Said, mode: str) -> None:
        """mode: beat or stop."""
        with self._lock:
            if self._store_beat(said, mode, self._instance.to_tell(said, mode)) == "-":
                self._store_beat(said, mode, "agent_resumed")  # it was taken for lost
