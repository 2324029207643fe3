"""The way of an agent that holds a token: the site's HTTP door. What it asks is repeated until it is answered."""

import json
import logging
import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from ..approvals import interruptions
from ..approvals.asking import patiently
from ..approvals.proof import Proof, public_keys
from ..approvals.question import MAX_CONTEXT_BYTES
from ..approvals.request import ApprovalRequest, ApprovalResponse, is_away, refusal
from ..approvals.waiting import NO_SUCH_REQUEST, Hearing, Pending, proven
from ..errors import AlreadyCollected, MalformedRecord, StoreRefused, StoreUnavailable
from ..store.approvals import Question, valid_id
from ..store.keys import ASKED_LENGTH
from ..values.approvals import APPROVED, CHANGES, DENIED, EDITED, PENDING, REJECTED, UNAVAILABLE, UNKNOWN
from ..values.digests import edited_digest, request_digest
from ..values.json import encode_json_object
from ..values.malformed import ODD
from ..values.signature import signed_status
from .heartbeats import run_name
from .http import CALL_SECONDS, Site, SiteConnection, SiteReply, checked_reply, seconds_or_none
from .transport import MOVED_SECONDS

logger = logging.getLogger(__name__)

AWAY = "%s does not answer (%s). It is tried on; if the address is wrong, set TELEMETRY_URL to that of the page Connect"
ASK_SECONDS = 60.0  # a site that is deployed anew is back by then
LONG_POLL = 25.0
LEAST_SECONDS = 1.0  # of any call, however little time its asker has
WITHDRAWING_SECONDS = 600.0
OVERTIME_SECONDS = 5.0
ONCE = "once "  # begins the key of a question that has none: so it is stored once, however often it is sent


class OverHTTP:
    """See `Transport`."""

    def __init__(self, address: str, token: str, agent: str) -> None:
        self.agent = agent
        self._site, self._address = Site(address, token), address
        self._has_warned = False

    # Asking

    def ask(self, question: Question, claim: str) -> ApprovalResponse:
        """Ask and wait for the end."""
        withdraw = None if question.key else partial(self._take_back, question, 2.0)
        with interruptions.WithdrawalGuard(withdraw) as guard:
            try:
                pending = self.open(question, claim)
                guard.watch_task()
                answer = self.wait(pending, math.inf)
            except (StoreUnavailable, MalformedRecord) as error:
                return refusal("", f"unavailable: {error}", UNAVAILABLE, away=is_away(error))
            assert answer is not None  # without a limit it always ends
            return answer

    def open(self, question: Question, claim: str) -> Pending:
        """Store it, or find what its key names."""
        began, body = time.monotonic(), self._body(question)
        end = began + min(ASK_SECONDS, question.seconds)

        def sent() -> SiteReply:
            left = max(0.0, end - time.monotonic())
            return self._site.call("POST", "requests", body, None, min(CALL_SECONDS, left + LEAST_SECONDS))

        try:
            said = patiently(sent, end, self._warn)
        except StoreRefused:
            raise
        except StoreUnavailable:
            self._take_back_later(question)
            raise
        if said.status not in (200, 201):
            raise ValueError(said.message)
        request = _request(said.body, question)
        hearing = Hearing(claim, _proof(request), question.understands)
        return Pending(request, began + _seconds_left(request, said.status == 200), hearing)

    def _warn(self, error: StoreUnavailable) -> None:
        """Once for each gate: who gave a wrong address need not wait for the end to see it."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning(AWAY, self._address, error)

    def _body(self, question: Question) -> dict[str, Any]:
        body = {
            "type": question.approval_type,
            "context": json.loads(question.context),
            "timeout": seconds_or_none(question.seconds),
            "key": _key(question),
            "agent": self.agent,
            "understands": question.understands.split(",") if question.understands else None,
            "revises": question.revises,
        }
        return {name: value for name, value in body.items() if name == "timeout" or value not in ("", None)}

    def _take_back_later(self, question: Question) -> None:
        """Beside the asker, who was refused: the site may have stored it, or may yet do so."""
        act = partial(self._take_back, question, WITHDRAWING_SECONDS)
        threading.Thread(target=act, name="withdrawing", daemon=True).start()

    def _take_back(self, question: Question, seconds: float) -> None:
        if question.key:
            return  # whoever asks again finds it

        end, query = time.monotonic() + seconds, self._named(key=_key(question), status=PENDING)

        def act() -> None:
            left = min(CALL_SECONDS, max(LEAST_SECONDS, end - time.monotonic()))
            for request in self._found(query, left):
                self._cancel(request.request_id, left)

        with suppress(StoreUnavailable, MalformedRecord, TypeError, ValueError):
            patiently(act, end)

    # Waiting

    def pending(self, request_id: str, hearing: Hearing, patience: float) -> Pending | None:
        """A request that somebody opened before."""
        if not valid_id(request_id):
            return None
        read = partial(self._site.call, "GET", f"requests/{request_id}", None, self._named())
        said = patiently(read, time.monotonic() + min(ASK_SECONDS, patience), self._warn)
        if said.status != 200:
            return None
        request = _request(said.body, None)
        return Pending(request, time.monotonic() + _seconds_left(request, True), hearing)

    def wait(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        """Block until it has ended, or so long: then None. A site that is away is asked until the deadline is past."""
        end, pause, is_troubled = time.monotonic() + seconds, 0.1, False
        over = pending.deadline + OVERTIME_SECONDS
        while True:
            left, due = end - time.monotonic(), pending.deadline - time.monotonic()
            # When it is due, a site has ended it. After trouble one look: one that hangs holds nobody for long.
            poll = 0.0 if is_troubled else min(LONG_POLL, due + LEAST_SECONDS) if due > 0 else LONG_POLL
            try:
                answer = self._outcome(pending, max(0.0, min(poll, left)))
                if answer is not None or left <= 0:
                    return answer
                pause, is_troubled = 0.1, False
                if time.monotonic() > pending.deadline:
                    over = time.monotonic() + MOVED_SECONDS
            except StoreUnavailable as error:
                if time.monotonic() > over or not is_away(error):
                    return _unheard(pending, error)
                left = end - time.monotonic()
                if left <= 0:
                    raise
                time.sleep(min(pause, left))
                pause, is_troubled = min(2.0, pause * 2), True

    def look(self, pending: Pending) -> tuple[ApprovalResponse | None, float]:
        """One look whether it has ended; else None, and in how many seconds it is due."""
        try:
            answer = self._outcome(pending, 0)
        except StoreRefused as error:  # it would be so again
            return _unheard(pending, error), 0.0
        left = pending.deadline - time.monotonic()
        # The site ends it by its own clock, and may have moved the deadline.
        return answer, left if left > 0 else 1.0

    def _outcome(self, pending: Pending, seconds: float) -> ApprovalResponse | None:
        request, _deadline, hearing = pending
        query = self._named(wait=f"{seconds:.3f}", claim=hearing.claim, understands=hearing.understands)
        path = f"requests/{request.request_id}/outcome"
        said = self._site.call("GET", path, None, query, seconds + CALL_SECONDS)
        if said.status == 202:
            return None
        if said.status == 404:
            return refusal(request.request_id, NO_SUCH_REQUEST, UNKNOWN)
        if said.status == 409:
            raise _collected(request.request_id, said)
        if said.status != 200:
            raise ValueError(said.message)
        return replace(_response(request.request_id, said.body, hearing), warning=request.warning)

    # The rest

    def find(self, key: str | None, status: str | None, agent: str | None) -> list[ApprovalRequest]:
        """This agent's requests, newest first: those with large contexts in several calls."""
        query = self._named(key=key or "", status=status or "", agent=agent or self.agent)
        return self._found(query, CALL_SECONDS)

    def _found(self, query: dict[str, str], seconds: float) -> list[ApprovalRequest]:
        found: list[ApprovalRequest] = []
        for _part in range(ASKED_LENGTH):  # a site keeps no more
            said = self._site.call("GET", "requests", None, query, seconds)
            if said.status != 200:
                raise ValueError(said.message)
            found += _requests(said.body)
            older_than = str(said.body.get("next") or "")
            if not older_than:
                break
            query = {**query, "older_than": older_than}
        return found

    def cancel(self, request_id: str) -> bool:
        """Withdraw it; whether this call did."""
        return valid_id(request_id) and self._cancel(request_id, CALL_SECONDS)

    def _cancel(self, request_id: str, seconds: float) -> bool:
        said = self._site.call("POST", f"requests/{request_id}/cancel", self._named(), None, seconds)
        return bool(said.body.get("cancelled"))

    def beat(self, status: str, progress: float, task: str) -> None:
        """Say that this agent lives."""
        self._tell("beat", {"status": status, "progress": progress, "task": task, "run": run_name()})

    def stop(self, status: str) -> None:
        """Say that its run has ended."""
        self._tell("stop", {"status": status, "run": run_name()})

    def _tell(self, mode: str, body: dict[str, Any]) -> None:
        said = self._site.call("POST", mode, {**body, **self._named()})
        if said.status != 200:
            raise ValueError(said.message)

    def end_listener(self) -> "SiteEndListener":
        """A connection for the ends of many requests."""
        return SiteEndListener(self._site.connection(), self._site.line("requests/ended"), self.agent)

    def close(self) -> None:
        """Let every connection go."""
        self._site.close()

    def _named(self, **fields: str) -> dict[str, str]:
        return {name: value for name, value in {"agent": self.agent, **fields}.items() if value}


class SiteEndListener:
    """See `EndListener`: one call that the site answers as soon as one of many has ended."""

    MOST = 1000  # that one call may name

    def __init__(self, connection: SiteConnection, line: str, agent: str) -> None:
        self._connection, self._line, self._agent = connection, line, agent
        self.connect, self.cut, self.close = connection.connect, connection.cut, connection.close

    def ended(self, request_ids: Sequence[str], seconds: float) -> list[str]:
        """Those that have ended, waiting at most so long for one."""
        ids, named = list(request_ids)[: self.MOST], {"agent": self._agent} if self._agent else {}
        body = {"ids": ids, "wait": seconds, **named}
        said = checked_reply(self._connection.call("POST", self._line, body, seconds + CALL_SECONDS))
        if said.status != 200 or not isinstance(said.body.get("ended"), list):
            raise StoreUnavailable(said.message)
        return [str(id_) for id_ in said.body["ended"]]


def _key(question: Question) -> str:
    return question.key or ONCE + question.request_id


def _proof(request: ApprovalRequest) -> Proof | None:
    """What a yes is held to: the bytes that this process asked with, in the name that the token has."""
    keys = public_keys()
    return Proof(keys, request.digest) if keys else None


def _requests(said: dict[str, Any]) -> list[ApprovalRequest]:
    """A list of them."""
    if not isinstance(said.get("requests"), list):
        raise MalformedRecord("what answers has no list of requests, so it is no site of this kind")
    return [_request(one, None) for one in said["requests"]]


def _request(said: dict[str, Any], question: Question | None) -> ApprovalRequest:
    """A request as the site says it. Of one that this process asked, the digest is its own."""
    try:
        key, agent, kind = said["key"] or "", said["agent"], said["type"]
        digest = "" if question is None else request_digest(agent, kind, question.context)
        return ApprovalRequest(
            said["id"],
            kind,
            agent,
            said["context"],
            datetime.fromisoformat(said["asked_at"]),
            math.inf if said["timeout"] is None else float(said["timeout"]),
            said["status"],
            "" if key.startswith(ONCE) and valid_id(key.removeprefix(ONCE)) else key,
            digest,
            said.get("warning") or "",
        )
    except ODD as error:
        raise MalformedRecord(f"a request, as the site says it: {error}") from error


def _seconds_left(request: ApprovalRequest, was_asked_before: bool) -> float:
    """At most; the site itself says when it is over."""
    if not was_asked_before or math.isinf(request.timeout_seconds):
        return request.timeout_seconds
    asked = (datetime.now(request.timestamp.tzinfo) - request.timestamp).total_seconds()
    return max(0.0, request.timeout_seconds - max(0.0, asked))


def _response(request_id: str, said: dict[str, Any], hearing: Hearing) -> ApprovalResponse:
    """The outcome as the site says it; a yes is held to its signature where a key is set."""
    try:
        if said["id"] != request_id:
            raise ValueError("it is of another request")
        edited, status = said.get(EDITED) or {}, str(said["status"])
        collected = said.get("collected_at")
        response = ApprovalResponse(
            request_id,
            said[APPROVED] is True and status == APPROVED,
            str(said["responder"]),
            str(said["reason"]),
            datetime.fromisoformat(said["ended_at"]),
            status,
            str(said["channel"]),
            False if said.get("verified") is False else None,  # what is proven, is proven here
            collected_at=datetime.fromisoformat(collected) if collected else None,
            collected_by=said.get("collected_by") or "",
            edited=edited,
            signature=said.get("signature") or "",
        )
        changed = encode_json_object(edited, EDITED, MAX_CONTEXT_BYTES) if edited else b""
    except ODD as error:
        return refusal(request_id, f"malformed: the outcome, as the site says it: {error}", UNKNOWN)
    if hearing.proof is None or status not in (APPROVED, DENIED, CHANGES):
        return response
    answer = EDITED if changed else CHANGES if status == CHANGES else ""
    end = signed_status(APPROVED if status == APPROVED else REJECTED, answer, edited_digest(changed))
    return proven(response, end, hearing.proof, response.signature)


def _unheard(pending: Pending, error: StoreUnavailable) -> ApprovalResponse:
    reason = f"unavailable: no answer from the site. {error}"
    return refusal(pending.request.request_id, reason, UNAVAILABLE, away=is_away(error))


def _collected(request_id: str, said: SiteReply) -> AlreadyCollected:
    at = said.body.get("collected_at")
    moment = datetime.fromisoformat(at) if at else datetime.now().astimezone()
    return AlreadyCollected(request_id, said.body.get("collected_by") or "", moment)
