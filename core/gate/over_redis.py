"""The way of an agent that holds the Redis of the site: the gate's own commands."""

import time
from dataclasses import replace

from ..agents.instance import BeatReport
from ..approval_gates import ApprovalGate
from ..approvals import asking, waiting
from ..approvals.request import ApprovalRequest, ApprovalResponse
from ..approvals.waiting import Hearing, Pending
from ..store.approvals import Question, valid_id
from ..store.approvals.ends import EndsLine
from ..store.client import CONFIRM_SECONDS
from .heartbeats import ScriptHeart

NO_AGENT = (
    'agent is missing: say who asks, as in Gate(agent="release-bot"), or set TELEMETRY_AGENT; '
    "with a token of a site, set TELEMETRY_URL"
)


class OverRedis(ApprovalGate):
    """See `Transport`. `memory`: see `open_store` in store/client.py."""

    def __init__(self, memory: object, agent: str) -> None:
        super().__init__(memory, agent or None)
        self.agent = agent

    def ask(self, question: Question, claim: str) -> ApprovalResponse:
        """Ask and wait for the end."""
        self._need_agent()
        return self._asked(question, claim)

    def open(self, question: Question, claim: str) -> Pending:
        """Store it, or find what its key names."""
        self._need_agent()
        return asking.open_pending(self._store, question, claim)

    def pending(self, request_id: str, hearing: Hearing, patience: float) -> Pending | None:
        """A request that somebody opened before."""
        if not valid_id(request_id) or (request := self.get_request(request_id)) is None:
            return None
        until = time.monotonic() + min(CONFIRM_SECONDS, patience)
        left = waiting.seconds_left(self._store, request_id, until)
        return None if left is None else Pending(request, time.monotonic() + left, hearing)

    def wait(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        """Block until it has ended, or so long: then None."""
        request, deadline, hearing = pending
        end = time.monotonic() + seconds
        said = waiting.wait(self._store, request.request_id, deadline, end, hearing)
        return said and replace(said, warning=request.warning)

    def look(self, pending: Pending) -> tuple[ApprovalResponse | None, float]:
        """One look whether it has ended, or is due and ends now; else None, and in how many seconds it is due."""
        (request, deadline, hearing), now = pending, time.monotonic()
        left = deadline - now
        said = waiting.wait_until(self._store, request.request_id, now, hearing)
        if said is None and hearing.extends:
            left = waiting.seconds_left(self._store, request.request_id, now + CONFIRM_SECONDS) or 0.0
        if said is None and left <= 0:
            said = waiting.wait_for_end(self._store, request.request_id, now, hearing)
        return said and replace(said, warning=request.warning), left

    def find(self, key: str | None, status: str | None, agent: str | None) -> list[ApprovalRequest]:
        """This agent's requests, newest first."""
        if agent is not None:
            return ApprovalGate(self._store, agent).find_requests(key, status)
        self._need_agent()
        return self.find_requests(key, status)

    def cancel(self, request_id: str) -> bool:
        """Withdraw it; whether this call did."""
        return self.cancel_request(request_id)

    def beat(self, status: str, progress: float, task: str) -> None:
        """Say that this agent lives."""
        self._need_agent()
        self._heart.tell(BeatReport(status, progress, task), "beat")

    def stop(self, status: str) -> None:
        """Say that its run has ended."""
        self._need_agent()
        self._heart.tell(BeatReport(status, 1.0 if status == "completed" else 0.0, ""), "stop")

    @property
    def _heart(self) -> ScriptHeart:
        return ScriptHeart(self._store, self.agent)

    def end_listener(self) -> EndsLine:
        """A connection for the ends of many requests."""
        return EndsLine(self._store)

    def close(self) -> None:
        """The store keeps its connections for the next gate."""

    def _need_agent(self) -> None:
        if not self.agent:
            raise ValueError(NO_AGENT)
