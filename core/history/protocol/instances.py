"""Instances of the Agent Approval Protocol: made by provisioners, changed, deleted. Answers are kept a week."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.history.database import locks
from core.history.notices.sealing import UnreadableSeal, seal, unseal
from core.history.people import tokens
from core.history.people.tokens import FLEET_LENGTH, LONGEST_DAYS, Bearer, NotYours, TokenSpec
from core.models import AgentToken, Callback, ProtocolAnswer, ProtocolInstance
from core.values.moments import utc_text

UNDER_WAY = timedelta(seconds=30)  # longer than a receiver may take to answer; then its process is gone
REMOVED = "its receiver was removed"
NAME_KEPT = 200  # of an instance's name, in the name of its agent
ASKS = ("ask",)
TOO_LONG = (
    f"What the names of this fleet begin with is longer than {FLEET_LENGTH} characters, so no instance can be called "
    "after it: use a token of a shorter beginning."
)


class Delivery(NamedTuple):
    """Where an instance's receiver is, and the secret that both know."""

    url: str
    registration_id: str
    signing_secret: str

    @property
    def sealed(self) -> str:
        """For SQL."""
        return seal(json.dumps(self._asdict()))

    @classmethod
    def of(cls, instance: ProtocolInstance) -> "Delivery | None":
        """From SQL; None where there is none, or none that can be read."""
        try:
            text = unseal(instance.sealed_delivery)
        except UnreadableSeal:
            return None
        return cls(**json.loads(text)) if text else None


class InstanceChange(NamedTuple):
    """What an operation sets. delivery: None leaves it, '' removes it."""

    name: str | None
    delivery: Delivery | str | None


def begin(token: int, operation: str, key: str, digest: str) -> tuple[ProtocolAnswer, bool]:
    """The row of this key, and whether it is this call's to carry out. One that is under way is somebody else's."""
    now = timezone.now()
    rows = ProtocolAnswer.objects.filter(provisioner_id=token, operation=operation, key=key)
    rows.filter(status=None, began_at__lt=now - UNDER_WAY).delete()
    row = ProtocolAnswer(provisioner_id=token, operation=operation, key=key, digest=digest, began_at=now)
    known = rows.select_related("instance").first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return rows.select_related("instance").get(), False
    return row, True


def give_up(row: ProtocolAnswer) -> None:
    """Nothing came of it: its key is as if it had never been sent."""
    ProtocolAnswer.objects.filter(pk=row.pk, status=None).delete()


def earlier_answer(row: ProtocolAnswer) -> dict[str, Any]:
    """What was answered before."""
    said: dict[str, Any] = json.loads(unseal(row.sealed_body))
    return said


def make(
    bearer: Bearer, row: ProtocolAnswer, instance_id: uuid.UUID, change: InstanceChange
) -> dict[str, Any]:
    """A new instance with its credential, which the answer alone has. Raises NotYours."""
    if len(bearer.agent) > FLEET_LENGTH:  # a token of before that was refused
        raise NotYours(TOO_LONG)
    name = change.name or f"instance {str(instance_id)[:8]}"
    its_own = f" {str(instance_id)[:8]}"  # stands whole, whatever is cut
    agent = f"{bearer.agent}{name[:NAME_KEPT]}"[:FLEET_LENGTH] + its_own
    provisioner = AgentToken.objects.select_related("owner").get(pk=bearer.number)
    now = timezone.now()
    days = min(LONGEST_DAYS, max(1, (provisioner.expires_at - now).days + 1))
    with transaction.atomic():
        token, secret = tokens.make(provisioner.owner, TokenSpec(name[:NAME_KEPT], agent, False, ASKS, days))
        token.expires_at = min(token.expires_at, provisioner.expires_at)
        token.save(update_fields=["expires_at"])
        instance = ProtocolInstance(id=instance_id, agent=agent, name=name, token=token, created_at=now)
        instance.provisioner = provisioner
        _deliver(instance, change.delivery, now)
        instance.save(force_insert=True)
        credential = {"token": secret, "expires_at": utc_text(token.expires_at)}
        said = {"instance": shown(instance), "credential": credential}
        _keep(row, 201, said, instance)
    return said


def change(row: ProtocolAnswer, instance_id: uuid.UUID, wanted: InstanceChange) -> dict[str, Any] | None:
    """Change it, all or nothing; None where it was deleted meanwhile."""
    with transaction.atomic():
        locks.hold_people()
        instance = ProtocolInstance.objects.select_for_update().get(pk=instance_id)
        if instance.deleted_at is not None:
            return None
        instance.name = wanted.name or instance.name
        _deliver(instance, wanted.delivery, timezone.now())
        instance.save(update_fields=["name", "sealed_delivery", "delivers_since"])
        said = {"instance": shown(instance)}
        _keep(row, 200, said, instance)
    return said


def delete(instance: ProtocolInstance) -> ProtocolInstance:
    """End its token and its deliveries, for good; the same again where that was done before."""
    with transaction.atomic():
        locks.hold_people()
        found = (
            ProtocolInstance.objects.select_for_update().select_related("token__owner").get(pk=instance.pk)
        )
        if found.deleted_at is None:
            tokens.revoke(found.token.owner, found.token_id)
            found.deleted_at = timezone.now()
            _deliver(found, "", found.deleted_at)
            found.save(update_fields=["deleted_at", "sealed_delivery", "delivers_since"])
    return found


def _deliver(instance: ProtocolInstance, delivery: Delivery | str | None, now: datetime) -> None:
    if delivery is None:
        return
    if isinstance(delivery, Delivery):
        instance.delivers_since = instance.delivers_since or now
        instance.sealed_delivery = delivery.sealed
        return
    instance.sealed_delivery, instance.delivers_since = "", None
    open_ones = Callback.objects.filter(
        instance=instance, state__in=(Callback.State.WAITING, Callback.State.DUE)
    )
    open_ones.update(state=Callback.State.OVER, error=REMOVED, finished_at=now)


def _keep(row: ProtocolAnswer, status: int, said: dict[str, Any], instance: ProtocolInstance) -> None:
    row.status, row.instance, row.began_at = status, instance, timezone.now()
    row.sealed_body = seal(json.dumps(said))
    row.save(update_fields=["status", "sealed_body", "instance", "began_at"])


def own_instance(
    bearer: Bearer, instance_id: uuid.UUID | None, *, deleted: bool = False
) -> ProtocolInstance | None:
    """The instance, where a token of this very fleet made it; a deleted one only where that is wanted."""
    if instance_id is None:
        return None
    found = ProtocolInstance.objects.filter(pk=instance_id, provisioner__agent=bearer.agent)
    return (found if deleted else found.filter(deleted_at=None)).first()


def shown(instance: ProtocolInstance) -> dict[str, Any]:
    """As its provisioner reads it: never its secret."""
    said: dict[str, Any] = {"id": str(instance.pk), "name": instance.name}
    delivery = Delivery.of(instance)
    if delivery is not None:
        said["delivery"] = {
            "type": "webhook", "url": delivery.url, "registration_id": delivery.registration_id,
        }  # fmt: skip
    return said
