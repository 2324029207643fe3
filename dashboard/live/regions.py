"""Regions of pages that show one request: read from SQL, so by a worker, and handed back when they are there."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from dashboard import access, words
from dashboard.access import Audience
from dashboard.approvals import page as contexts
from dashboard.live import fragments
from dashboard.live.workers import Worker

Regions = dict[Audience, str]
Came = Callable[[str, Future[Regions], bool], None]


class RequestRegions:
    """Reads one request after another as often as needed: each once at a time, for all who look at it.

    `came` gets the id, the regions, and whether they were wanted again meanwhile: then something may have happened
    after they were read, and they are to be read once more.
    """

    def __init__(self, worker: Worker, came: Came) -> None:
        self._worker = worker
        self._came = came
        self._wanted_again: dict[str, bool] = {}

    def is_reading(self, request_id: str) -> bool:
        """Whether a worker has it, or will."""
        return request_id in self._wanted_again

    def want(self, request_id: str, audiences: set[Audience]) -> None:
        """Have it read as it is now, or later."""
        if request_id in self._wanted_again:
            self._wanted_again[request_id] = True
            return
        self._wanted_again[request_id] = False
        self._worker.do(partial(_read, request_id, audiences), partial(self._was_read, request_id))

    def _was_read(self, request_id: str, done: Future[Regions]) -> None:
        self._came(request_id, done, self._wanted_again.pop(request_id))


def _read(request_id: str, audiences: set[Audience]) -> Regions:
    approval = access.read_approval(request_id)
    if approval is None:
        return dict.fromkeys(audiences, fragments.problem(words.FORGOTTEN_REQUEST))
    page = contexts.approval_page(request_id, approval)
    return {audience: fragments.approval_region(page, audience) for audience in audiences}
