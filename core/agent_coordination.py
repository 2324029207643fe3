"""Signals between agents: a mailbox for each, and broadcasts that every agent consumes for itself.

Redis keeps the order, the time and the expiry. A signal that was returned was consumed in the same script
that found it, so no two readers of a mailbox get the same one.
"""

import json
import math
import time
import uuid
from typing import Any

from .credentials import AccessTier, AgentCredentials
from .errors import StoreUnavailable
from .signals import mailbox
from .signals.signal import CoordinationSignal, SignalFilter
from .store import signals
from .store.client import KeyPrefix, UsesStore
from .store.signals import START
from .values.json import encode_json_object
from .values.names import checked_name
from .values.numbers import checked_limit, checked_seconds

__all__ = ["AccessTier", "AgentCredentials", "CoordinationSignal", "CoordinationSignals"]

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_TTL = 10 * 365 * 24 * 3600
OVERTIME_SECONDS = 0.4
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class CoordinationSignals(UsesStore):
    """Sends signals to agents and receives those of one agent.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.
    agent_id: whose mailbox, and the sender where none is named.
    enable_streaming: publish each signal as a `coordination_signal` event too, without its payload.

    Every method raises StoreUnavailable when Redis gave no answer. A subclass may set DEFAULT_TTL, in seconds.
    BROADCAST_TARGET means every agent, as None does; KEY_PREFIX tells how the keys begin.
    """

    DEFAULT_TTL: float = 60
    BROADCAST_TARGET = "*"
    KEY_PREFIX = KeyPrefix("signals")
    _SHARED = ("BROADCAST_TARGET", "KEY_PREFIX")

    def __init__(
        self, memory: object = None, agent_id: str | None = None, enable_streaming: bool = False
    ) -> None:
        self.agent_id = None if agent_id is None else checked_name(agent_id, "agent_id")
        self._streaming = enable_streaming
        super().__init__(memory)

    # Sending

    def signal(
        self,
        signal_type: str,
        source_agent: str | None = None,
        target_agent: str | None = None,
        payload: dict[str, Any] | None = None,
        ttl_seconds: float | None = None,
        credentials: AgentCredentials | None = None,
    ) -> str:
        """Send to one agent, or to all for None or BROADCAST_TARGET; returns the id once it is stored.

        payload: a JSON object of at most 64 KiB. ttl_seconds: above 0, at most ten years, by default DEFAULT_TTL,
        60, by Redis's clock. Raises ValueError or TypeError for a bad argument, PermissionError for credentials of
        another agent or below CONTRIBUTOR, and StoreUnavailable when it was not confirmed as stored: it is
        never sent a second time, so then it may or may not arrive.
        """
        source = self._checked_sender(source_agent, credentials)
        checked_name(signal_type, "signal_type")
        target_agent = self._checked_target(target_agent)
        encoded = encode_json_object({} if payload is None else payload, "payload", MAX_PAYLOAD_BYTES)
        ttl, said = (self.DEFAULT_TTL, "DEFAULT_TTL") if ttl_seconds is None else (ttl_seconds, "ttl_seconds")
        checked_seconds(ttl, said, MAX_TTL, above_zero=True)
        signal_id = str(uuid.uuid4())
        event: dict[str, Any] = {"signal_id": signal_id, "signal_type": signal_type, "source_agent": source}
        event |= {"target_agent": target_agent, "ttl_seconds": ttl}
        command = signals.send(
            self._store.keys,
            signal_id=signal_id,
            signal_type=signal_type,
            source=source,
            target=target_agent,
            payload=encoded,
            ttl_ms=math.ceil(ttl * 1000),
            ttl_text=repr(ttl),
            event=json.dumps(event) if self._streaming else None,
        )
        self._store.run(command)
        return signal_id

    def broadcast(
        self,
        signal_type: str,
        source_agent: str | None = None,
        payload: dict[str, Any] | None = None,
        ttl_seconds: float | None = None,
        credentials: AgentCredentials | None = None,
    ) -> str:
        """Send to every agent, the sender included: each receives it once while it is alive. See `signal`."""
        return self.signal(signal_type, source_agent, None, payload, ttl_seconds, credentials)

    def _checked_target(self, target_agent: str | None) -> str | None:
        everybody = target_agent is None or target_agent == self.BROADCAST_TARGET
        return None if everybody else checked_name(target_agent, "target_agent")

    def _checked_sender(self, source_agent: str | None, credentials: AgentCredentials | None) -> str:
        source = self.agent_id if source_agent is None else source_agent
        if source is None:
            raise ValueError("source_agent is missing: name it, or give CoordinationSignals an agent_id")
        checked_name(source, "source_agent")
        if credentials is None:
            return source
        if not isinstance(credentials, AgentCredentials):
            raise TypeError(f"credentials must be AgentCredentials, not {type(credentials).__name__}")
        if credentials.agent_id != source:
            raise PermissionError(f"{credentials.agent_id!r} may not send signals as {source!r}")
        if not credentials.can_stage():
            raise PermissionError(f"{source!r} is {credentials.tier.name}; signals need CONTRIBUTOR or above")
        return source

    # Receiving

    def wait_for_signal(
        self,
        signal_type: str,
        source_agent: str | None = None,
        timeout: float = 30.0,
        poll_interval: float = 0.5,
    ) -> CoordinationSignal | None:
        """Consume the oldest match, waiting for one at most `timeout` seconds; else None.

        It blocks in Redis and wakes with the signal. poll_interval: while Redis is away, how long to pause
        at most between two attempts. Raises StoreUnavailable only when Redis is still away at the end.
        """
        wanted = self._wanted(signal_type, source_agent)
        end = time.monotonic() + checked_limit(timeout, "timeout")
        checked_seconds(poll_interval, "poll_interval", above_zero=True, endless=True)
        longest = min(poll_interval, LONGEST_PAUSE)
        line, pause, position = self._store.line(end + OVERTIME_SECONDS), FIRST_PAUSE, START
        claim = mailbox.Claim()
        try:
            while True:
                left = end - time.monotonic()
                try:
                    found, position = mailbox.take(line, wanted, claim, position)
                    if found or left <= 0:
                        return found
                    mailbox.block(line, wanted.agent_id, position, end)
                    pause = FIRST_PAUSE
                    if time.monotonic() >= end:
                        position = START  # one whole look before None, in case a wake-up was missed
                except StoreUnavailable:
                    line.close()
                    if left <= 0:
                        raise
                    position = START  # the server may be another one now
                    time.sleep(max(0.0, min(pause, longest, end - time.monotonic())))
                    pause *= 2
        finally:
            line.close()

    def check_signal(
        self, signal_type: str, source_agent: str | None = None, consume: bool = True
    ) -> CoordinationSignal | None:
        """The oldest match, or None: one script, so exactly one of several readers gets a signal.

        A broadcast is consumed for this agent alone. consume=False leaves everything as it is.
        """
        wanted = self._wanted(signal_type, source_agent)
        if not consume:
            return next(iter(mailbox.look(self._store, wanted, 1)), None)
        claim = mailbox.Claim()
        return self._store.run_confirmed(lambda line: mailbox.take(line, wanted, claim, START))[0]

    def get_pending_signals(self, signal_type: str | None = None) -> list[CoordinationSignal]:
        """What this agent has not consumed, broadcasts included, each once, oldest first."""
        return mailbox.look(self._store, self._wanted(signal_type, None, any_type=True), None)

    def clear_signals(self, signal_type: str | None = None) -> int:
        """Consume all of this agent's signals unseen and return how many; broadcasts stay for the others."""
        return mailbox.clear(self._store, self._wanted(signal_type, None, any_type=True))

    def _wanted(self, signal_type: str | None, source: str | None, *, any_type: bool = False) -> SignalFilter:
        if self.agent_id is None:
            raise ValueError("agent_id is missing: give CoordinationSignals an agent_id to receive with")
        if signal_type is not None or not any_type:
            checked_name(signal_type, "signal_type")
        if source is not None:
            checked_name(source, "source_agent")
        return SignalFilter(self.agent_id, signal_type, source)
