"""Requests over HTTP: asked, found, read and withdrawn in the name of the agent of a token."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from core.api.answers import Refused, Reply, not_taken, outcome_body, request_body, sentence
from core.api.desk import Desk
from core.api.living import BYTES_AT_ONCE, refuse_other_fields, with_fields
from core.api.waiters import until
from core.approval_gates import ApprovalGate
from core.approvals import asking, waiting
from core.approvals.asking import StoredRequest
from core.approvals.proof import public_keys
from core.approvals.question import (
    checked_claim,
    checked_proof,
    checked_question,
    checked_status,
    checked_understands,
)
from core.approvals.request import ApprovalRequest, refusal
from core.approvals.waiting import Hearing
from core.errors import AlreadyCollected, StoreRefused
from core.history.callbacks import subscriptions as callbacks
from core.history.notices import addresses
from core.history.people.tokens import Bearer
from core.store.approvals import each_asked, expect_no_call, read_asker, read_record, read_waiting, valid_id
from core.store.client import CONFIRM_SECONDS, open_store
from core.values.approvals import PENDING, UNKNOWN
from core.values.names import checked_name

URL_LENGTH = 2_000
MOST_AT_ONCE = 1000  # requests that one call may wait for
FOUND_AT_ONCE = 25  # requests that are read in one round trip, each with up to 256 KiB of context
LONGEST_WAIT = 30.0  # seconds that one call may wait; then it is asked again
FIELDS = ("agent", "type", "context", "timeout", "key", "understands", "revises", "callback_url")


def ask(agent: str, token: str, body: dict[str, Any], idempotency_key: str) -> Reply:
    """Store a request: 201, or 200 for the one that its key names already. token: its SHA-256, 64 hex digits."""
    url = body.get("callback_url")
    _refuse_callback(url)
    refuse_other_fields(body, FIELDS)
    key = body.get("key") or idempotency_key or None
    if idempotency_key and body.get("key") not in (None, idempotency_key):
        raise Refused(400, "key", "“key” and the header Idempotency-Key differ: send one of them.", of="key")

    def stored() -> StoredRequest:
        question = checked_question(
            agent,
            body.get("type"),  # type: ignore[arg-type]
            body.get("context"),
            (_timeout(body), "timeout"),
            key=key,
            understands=_words(body),
            revises=body.get("revises"),
        )
        return asking.ask(open_store(), question)

    try:
        asked: StoredRequest = with_fields(stored, {"approval_type": "type"})
    except StoreRefused as error:
        raise not_taken(error, "context") from error
    except Refused as refused:
        if refused.field == "key" and "names a request" in str(refused):
            refused.status = 409
        raise
    request = asked.request
    if url is not None:
        callbacks.subscribe(request.request_id, token, url)
        expect_no_call(open_store(), request.request_id, request.timeout_seconds)
    return Reply(200 if asked.was_there else 201, request_body(request))


def _refuse_callback(url: Any) -> None:
    """Refused for an address to which nothing is ever sent, before anything is stored."""
    if url is None:
        return
    try:
        if not isinstance(url, str) or len(url) > URL_LENGTH:
            raise addresses.SendRefused(f"it must be a text of at most {URL_LENGTH:,} characters")
        if addresses.parsed(url).scheme == "http" and not addresses.may_be_plain():
            raise addresses.SendRefused("it must begin with https://")
    except addresses.SendRefused as error:
        raise Refused(400, "callback_url", f"callback_url: {error}.", of="callback_url") from error


def _words(body: dict[str, Any]) -> Any:
    """What is understood beside yes and no; null and left out are nothing."""
    said = body.get("understands")
    return () if said is None else said


def _timeout(body: dict[str, Any]) -> Any:
    """Seconds; null in JSON is no deadline, and left out it is the gate's own."""
    seconds = body.get("timeout", ApprovalGate.DEFAULT_TIMEOUT)
    return math.inf if seconds is None else seconds


def find(agent: str, query: Mapping[str, str]) -> Reply:
    """This agent's requests, newest first; by key and status where given, older than one where that is given.

    Contexts of about 1 MiB are read at once, listed or not: where there is more, `next` is what to be older than.
    """
    wanted = with_fields(partial(checked_status, query.get("status")), {})
    name = with_fields(partial(checked_name, query["key"], "key"), {}) if "key" in query else None
    older_than = query.get("older_than", "")
    if older_than and not valid_id(older_than):
        raise Refused(400, "older_than", "older_than must be the id of a request.", of="older_than")
    found: list[dict[str, Any]] = []
    size, last = 0, ""
    with closing(each_asked(open_store(), agent, name, older_than, FOUND_AT_ONCE)) as asked:
        for now, record in asked:
            if size >= BYTES_AT_ONCE:
                return Reply(200, {"requests": found, "next": last})
            request = ApprovalRequest.of(record, now)
            if wanted in (None, request.status):
                found.append(request_body(request))
            size, last = size + len(record.context), record.request_id
    return Reply(200, {"requests": found})


def read(agent: str, request_id: str) -> Reply:
    """The request, and what became of telling its asker."""
    said = request_body(own_request(agent, request_id))
    return Reply(200, {**said, "callback": callbacks.delivery_of(request_id)})


def cancel(agent: str, request_id: str, body: dict[str, Any]) -> Reply:
    """Withdraw it; what has ended stays as it is, and is told."""
    refuse_other_fields(body, ("agent",))
    own_request(agent, request_id)
    gate = ApprovalGate(agent_id=agent)
    cancelled = gate.cancel_request(request_id)
    return Reply(200, {**request_body(own_request(agent, request_id)), "cancelled": cancelled})


def own_request(agent: str, request_id: str) -> ApprovalRequest:
    """The request, where this agent asked it; 404 as for one that there never was."""
    request = ApprovalGate(agent_id=agent).get_request(request_id)
    if request is None or request.agent_id != agent:
        raise _no_such()
    return request


def _no_such() -> Refused:
    return Refused(404, "request", "There is no such request of this agent.")


def hearing(claim: str | None, understands: Iterable[str]) -> Hearing:
    """How an outcome is heard: for which name an approval is, and which answers beside yes and no are understood."""

    def checked() -> Hearing:
        return Hearing(checked_claim(claim), None, checked_understands(understands))

    found: Hearing = with_fields(checked, {})
    return found


def hearing_of(query: Mapping[str, str]) -> Hearing:
    """The same as it stands in the address."""
    return hearing(query.get("claim"), [word for word in query.get("understands", "").split(",") if word])


async def outcome(
    desk: Desk, bearer: Bearer, agent: str, request_id: str, seconds: float, hearing: Hearing
) -> Reply:
    """How it ended, waiting at most so long: 200, or 202 while it is pending. An approval may be claimed once."""
    first = iter((partial(_first_look, agent),))
    with desk.standing.while_good(bearer, lambda: next(first, _look)(request_id, hearing)) as look:
        said: Reply | None = await waited(desk, request_id, seconds, look)
    return said or Reply(202, {"id": request_id, "status": PENDING})


async def waited(desk: Desk, request_id: str, seconds: float, look: Callable[[], tuple[Any, float]]) -> Any:
    """What `look` finds in a thread, waiting at most so long for it; meanwhile the request has somebody who waits."""
    with desk.listeners.call() as call:

        async def looked() -> tuple[Any, float]:
            found, due = await desk.run(look)
            if found is None:
                call.waits_for(request_id)
            return found, due

        found = await until(desk.ends, request_id, seconds, looked)
        if found is not None:
            call.heard(request_id)
        return found


def _first_look(agent: str, request_id: str, hearing: Hearing) -> tuple[Reply | None, float]:
    """The same, of this agent's own request alone."""
    if valid_id(request_id):
        found, left = _ended(agent, [request_id])
        if not found:
            return None, left
    if read_asker(open_store(), request_id) != agent:
        raise _no_such()
    return _look(request_id, hearing)


def _look(request_id: str, hearing: Hearing) -> tuple[Reply | None, float]:
    """How it ended; where it has not, None and in how many seconds it will."""
    store = open_store()
    left = waiting.seconds_left(store, request_id, time.monotonic() + CONFIRM_SECONDS)
    if left:
        return None, left
    keys = public_keys()
    record = read_record(store, request_id) if keys else None
    if left is None or (keys and record is None):
        return Reply(200, outcome_body(refusal(request_id, waiting.NO_SUCH_REQUEST, UNKNOWN))), 0.0
    proven = hearing._replace(proof=checked_proof(record.digest if record else None))
    try:
        response = waiting.wait_for_end(store, request_id, time.monotonic(), proven)
    except AlreadyCollected as error:
        more = {"collected_by": error.collected_by, "collected_at": error.collected_at.isoformat()}
        raise Refused(409, "collected", sentence(error), of="claim", more=more) from error
    return Reply(200, outcome_body(response)), 0.0


async def ended(desk: Desk, bearer: Bearer, agent: str, body: dict[str, Any]) -> Reply:
    """Which of many requests have ended, waiting at most `wait` seconds for one. So have unknown ones."""
    refuse_other_fields(body, ("agent", "ids", "wait"))
    ids, seconds = body.get("ids"), wait_seconds(str(body.get("wait", 0)))
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_AT_ONCE or not all(map(valid_id, ids)):
        raise Refused(400, "ids", f"ids must be 1 to {MOST_AT_ONCE:,} ids of requests.", of="ids")
    good = desk.standing.while_good(bearer, partial(_ended, agent, ids))
    with desk.listeners.call() as call, good as are_over:

        async def look() -> tuple[list[str] | None, float]:
            found, due = await desk.run(are_over)
            call.waits_for(*(id_ for id_ in ids if id_ not in found))
            return found or None, due

        over: list[str] = await until(desk.ends, ids, seconds, look) or []
        call.heard(*over)
    return Reply(200, {"ended": over})


def _ended(agent: str, ids: list[str]) -> tuple[list[str], float]:
    """Those of which this agent has nothing to wait for; else in how many seconds the first one is due."""
    now = datetime.now(UTC)
    left = {
        request.request_id: (request.deadline_at - now).total_seconds()
        for request in read_waiting(open_store(), ids, agent)
    }
    return [id_ for id_ in ids if left.get(id_, 0.0) <= 0], min(left.values(), default=0.0)


def wait_seconds(
    text: str | None,
    name: str = "wait",
    least: float = 0.0,
    most: float = LONGEST_WAIT,
    usual: float = 0.0,
) -> float:
    """How long to wait, as it stands in the address; `usual` where it does not."""
    try:
        seconds = float(text or usual)
    except ValueError:
        seconds = math.nan
    if not least <= seconds <= most:
        raise Refused(400, name, f"{name} must be seconds of {least:.0f} to {most:,.0f}.", of=name)
    return seconds
