"""Instances by the protocol: a receiver is asked first whether it expects us, and only then anything is stored."""

import asyncio
import json
import re
import uuid
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from django.utils import timezone

from core.api.aap import words
from core.api.aap.words import fields, identifier, invalid, not_found, text
from core.api.answers import Refused, Reply
from core.api.desk import Desk, Scope, header
from core.api.throttle import Throttle
from core.approval_gates import ApprovalGate
from core.history.callbacks import messages
from core.history.notices import addresses
from core.history.notices.post import DeliveryUnknown, NotSent, exchange
from core.history.people.tokens import Bearer, NotYours
from core.history.protocol import instances as kept
from core.history.protocol import requests as asked
from core.history.protocol.instances import Delivery, InstanceChange
from core.history.protocol.values import digest_of
from core.models import ProtocolAnswer
from core.values.moments import utc_text

URL = re.compile(r"https?://[^/?#@\s]+([/?][^#\s]*)?")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
URL_LENGTH = 2_000
VERIFY_SECONDS = 10.0
ANSWER_BYTES = 4_096
AGAIN_SECONDS = 1
VERIFICATIONS = 10  # of one provisioner in a minute, in one web process


class Operation(NamedTuple):
    """One that is carried out once for its key. `name` is the scope of the key, `instance_id` what it is about."""

    bearer: Bearer
    name: str
    key: str
    change: InstanceChange
    digest: str
    instance_id: uuid.UUID


class Registrar:
    """Answers provisioners."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._verifying = Throttle(VERIFICATIONS)
        self._at_once = asyncio.Semaphore(4)  # threads that may wait for receivers
        self._turns: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = WeakValueDictionary()

    async def answer(self, scope: Scope, bearer: Bearer, sent: bytes, rest: list[str]) -> Reply:
        """Answer one call; `rest`: what follows `instances` in its address."""
        named = identifier(rest[0]) if rest else None
        match (scope["method"], len(rest)):
            case ("POST", 0):
                return await self._create(self._operation(scope, bearer, sent, None))
            case ("PATCH", 1):
                instance = await self._desk.run(partial(kept.own_instance, bearer, named))
                if instance is None:
                    raise not_found()
                return await self._update(self._operation(scope, bearer, sent, named))
            case ("GET", 1):
                reply: Reply = await self._desk.run(partial(_read, bearer, named))
                return reply
            case ("DELETE", 1):
                gone: Reply = await self._desk.run(partial(_delete, bearer, named))
                return gone
        raise not_found()

    def _operation(self, scope: Scope, bearer: Bearer, sent: bytes, named: uuid.UUID | None) -> Operation:
        body = words.body_object(header(scope, b"content-type"), sent)
        key = words.idempotency_key(header(scope, b"idempotency-key"))
        name = "create" if named is None else f"update {named}"
        return Operation(
            bearer, name, key, _change(body, named is None), digest_of(body), named or uuid.uuid4()
        )

    async def _create(self, operation: Operation) -> Reply:
        turn = self._turn(operation)
        waited = turn.locked()
        async with turn:
            row, is_mine = await self._begun(operation, waited=waited)
            if not is_mine:
                if row.instance is not None and row.instance.deleted_at is not None:
                    raise Refused(409, "instance_deleted", "The instance that this made was deleted.")
                return Reply(200, await self._desk.run(partial(kept.earlier_answer, row)))
            commit = partial(kept.make, operation.bearer, row, operation.instance_id, operation.change)
            return Reply(201, await self._carried_out(row, operation, commit))

    async def _update(self, operation: Operation) -> Reply:
        turn = self._turn(operation)
        waited = turn.locked()
        async with turn:
            row, is_mine = await self._begun(operation, waited=waited)
            if not is_mine:
                said = await self._desk.run(partial(kept.earlier_answer, row))
                return Reply(200, said["instance"])
            commit = partial(kept.change, row, operation.instance_id, operation.change)
            said = await self._carried_out(row, operation, commit)
            if said is None:
                await self._desk.run(partial(kept.give_up, row))
                raise not_found()
            return Reply(200, said["instance"])

    def _turn(self, operation: Operation) -> asyncio.Lock:
        """Of the calls of this key in this process, one goes on after the other."""
        name = (operation.bearer.number, operation.name, operation.key)
        return self._turns.setdefault(name, asyncio.Lock())

    async def _begun(self, operation: Operation, *, waited: bool) -> tuple[ProtocolAnswer, bool]:
        """The row of the key, and whether it is this call's to carry out.

        waited: for another call, whose verification counts for this one too. What another web process carries out is
        not waited for: its client comes again.
        """
        begin = partial(kept.begin, operation.bearer.number, operation.name, operation.key, operation.digest)
        row, is_mine = await self._desk.run(begin)
        if row.digest != operation.digest:
            raise Refused(409, "idempotency_conflict", "This Idempotency-Key was used for something else.")
        if is_mine and waited:
            await self._desk.run(partial(kept.give_up, row))
            raise Refused(422, "webhook_verification_failed", UNVERIFIED)
        if not is_mine and row.status is None:
            raise Refused(503, "dependency", UNDER_WAY, after=AGAIN_SECONDS)
        return row, is_mine

    async def _carried_out(self, row: ProtocolAnswer, operation: Operation, commit: Any) -> Any:
        try:
            if isinstance(operation.change.delivery, Delivery):
                self._count(operation.bearer.number)
                async with self._at_once:
                    await self._desk.run(partial(_verify, operation.change.delivery, operation.instance_id))
            return await self._desk.run(commit)
        except NotYours as error:
            await self._desk.run(partial(kept.give_up, row))
            raise Refused(403, "not_owned", str(error)) from error
        except BaseException:
            await asyncio.shield(self._desk.run(partial(kept.give_up, row)))
            raise

    def _count(self, provisioner: int) -> None:
        after = self._verifying.wait(provisioner)
        if after:
            raise Refused(429, "too_many_registrations", "Too many receivers were tried.", after=after)
        self._verifying.count(provisioner)


UNDER_WAY = "Another call with this key is being carried out. Ask again with the same key."
UNVERIFIED = "The receiver did not answer the challenge as it must. Nothing was changed."


def _change(body: dict[str, Any], is_new: bool) -> InstanceChange:
    """What is to be set; Refused by the name of the field that is wrong."""
    removes = not is_new and "delivery" in body and body["delivery"] is None
    fields(
        {k: v for k, v in body.items() if not (removes and k == "delivery")},
        (),
        ("instance_name", "delivery"),
    )
    if not is_new and not body:
        raise invalid("instance_name", "Send instance_name, delivery, or both.")
    name = text(body, "instance_name", 200) if "instance_name" in body else None
    if name is not None and not name.isprintable():
        raise invalid("instance_name", "instance_name has a control character.")
    if removes:
        return InstanceChange(name, "")
    return InstanceChange(name, _delivery(body["delivery"]) if "delivery" in body else None)


def _delivery(said: Any) -> Delivery:
    if not isinstance(said, dict):
        raise invalid("delivery", "delivery must be an object.")
    if said.get("type") != "webhook":
        raise Refused(400, "unsupported_delivery_type", "delivery.type must be webhook.", of="delivery.type")
    fields(said, ("type", "url", "registration_id", "signing_secret"))
    registration = text(said, "registration_id", 36)
    if identifier(registration) is None:
        raise invalid("delivery.registration_id", "registration_id must be a UUID.")
    if not SECRET.fullmatch(text(said, "signing_secret", 100)):
        raise invalid("delivery.signing_secret", "signing_secret must be whsec_ and 32 bytes in base64.")
    return Delivery(checked_url(text(said, "url", URL_LENGTH)), registration, said["signing_secret"])


def checked_url(url: str) -> str:
    """The address of a receiver; Refused for one that nothing is ever sent to. Its host is looked at at each try."""
    try:
        parts = addresses.parsed(url)
        if not URL.fullmatch(url) or (parts.scheme == "http" and not addresses.may_be_plain()):
            raise addresses.SendRefused("it must begin with https://, and have no # in it")
    except addresses.SendRefused as error:
        raise Refused(400, "invalid_webhook_url", f"url: {error}.", of="delivery.url") from error
    return url


def _verify(delivery: Delivery, instance_id: uuid.UUID) -> None:
    """One try of ten seconds at most; Refused unless the receiver answers the challenge."""
    message_id, challenge = str(uuid.uuid4()), str(uuid.uuid4())
    body = messages.body_of(
        {
            "id": message_id,
            "type": "webhook.verification",
            "registration_id": delivery.registration_id,
            "instance_id": str(instance_id),
            "created_at": utc_text(timezone.now()),
            "challenge": challenge,
        }
    )
    signed = messages.headers(message_id, body, messages.key_of(delivery.signing_secret))
    try:
        heard = exchange(delivery.url, body, signed, VERIFY_SECONDS, ANSWER_BYTES)
        said = json.loads(heard.body)
    except addresses.SendRefused as error:
        raise Refused(400, "invalid_webhook_url", f"url: {error}.", of="delivery.url") from error
    except (NotSent, DeliveryUnknown, ValueError) as error:
        raise Refused(422, "webhook_verification_failed", UNVERIFIED) from error
    if heard.status != 200 or not isinstance(said, dict) or said.get("challenge") != challenge:
        raise Refused(422, "webhook_verification_failed", UNVERIFIED)


def _read(bearer: Bearer, named: uuid.UUID | None) -> Reply:
    instance = kept.own_instance(bearer, named)
    if instance is None:
        raise not_found()
    return Reply(200, kept.shown(instance))


def _delete(bearer: Bearer, named: uuid.UUID | None) -> Reply:
    instance = kept.own_instance(bearer, named, deleted=True)
    if instance is None:
        raise not_found()
    kept.delete(instance)
    gate = ApprovalGate(agent_id=instance.agent)
    for request_id in asked.waiting_of(instance):
        gate.cancel_request(str(request_id))
    return Reply(204)
