"""Signs of life from a script, which is one process after the other: together they are one run."""

import json
import os
import socket
import uuid

from ..agent_tracking import HeartbeatCoordinator
from ..agents.instance import AgentInstance, BeatReport

SPACE = uuid.UUID("5f0b7a3e-2f6c-4c55-9a55-0f3a8f6b6f11")


def run_name() -> str:
    """The run that this process is a step of: that of its parent, such as the shell of a script."""
    return f"{socket.gethostname()} {os.getppid()}"


class NamedInstance(AgentInstance):
    """One whose beats come from elsewhere than one process: its ids are what it is called, always the same."""

    def __init__(self, space: uuid.UUID, name: str, run: str) -> None:
        self._run_id = uuid.uuid5(space, run).hex
        super().__init__()
        self.id = uuid.uuid5(space, name).hex

    def begin_run(self) -> None:
        """The run that it is called, however often it begins."""
        super().begin_run()
        self.run_id = self._run_id


class ScriptHeart(HeartbeatCoordinator):
    """Beats once, for the run of its parent; unlike its base it raises StoreUnavailable."""

    def __init__(self, memory: object, agent: str) -> None:
        super().__init__(memory)
        self.agent_id = agent
        self._identity = f'"agent_id":{json.dumps(agent)},"display_name":null,"metadata":{{}},'
        step = f"{run_name()} {agent}"
        self._instance: AgentInstance = NamedInstance(SPACE, step, f"run {step}")

    def tell(self, said: BeatReport, mode: str) -> None:
        """mode: beat or stop."""
        with self._lock:
            if self._store_beat(said, mode, self._instance.to_tell(said, mode)) == "-":
                self._store_beat(said, mode, "agent_resumed")  # it was taken for lost
