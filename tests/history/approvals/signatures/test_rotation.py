"""The key that signs decisions is changed: agents have the next one before it signs, and refuse nothing meanwhile."""

import json
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from core.history.approvals import signing
from core.history.checks import check_decision_key
from core.models import AuditEntry
from core.values.signature import key_id, public_key_text

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_key")]


@pytest.fixture
def command():
    """Run `decision_key`: the keys that it prints, and what it says of them."""

    def run(*options: str) -> tuple[list[str], str]:
        call_command("decision_key", *options, stdout=(keys := StringIO()), stderr=(said := StringIO()))
        return keys.getvalue().split(), said.getvalue()

    return run


@pytest.fixture
def answered(gate, maria, decide):
    """A request that maria approved with the key of now."""

    def ask():
        request = gate.open_request("deploy", {"n": 1})
        assert decide(maria, request.request_id).accepted
        return request

    return ask


def test_a_key_that_signs_stands_under_its_name_on_the_disk(settings, monkeypatch):
    folder, flushed, fsync = settings.TELEMETRY_DECISION_KEY_FILE.parent, [], os.fsync

    def spy(descriptor):
        flushed.append(os.path.samestat(os.fstat(descriptor), folder.stat()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    signing.keyring()
    signing.rotate()
    assert flushed == [False, True] * 2


def heard(gate, request):
    return gate.wait_for_decision(request.request_id, timeout=1, digest=request.digest)


def test_agents_that_got_all_lines_in_time_refuse_no_yes_of_any_step(
    settings, command, answered, gate, record
):
    [first], _said = command()
    before = answered()
    lines, said = command("--announce")
    assert (len(lines), lines[0]) == (2, first)
    assert f"{signing.keyring().key_id}: signs now" in said
    settings.TELEMETRY_DECISION_KEY = " ".join(lines)
    announced = answered()
    assert signing.keyring().public == _raw(first)
    assert command("--announce")[0] == lines  # the one that is announced stays
    rotated, _said = command("--rotate")
    assert rotated == lines[::-1]
    after = answered()
    for request in (before, announced, after):
        assert heard(gate, request).verified is True
    for kind in ("decision_key.announced", "decision_key.rotated"):
        assert "now" in json.loads(AuditEntry.objects.get(kind=kind).details)


def _raw(line: str) -> bytes:
    return next(raw for raw in signing.keyring().known.values() if public_key_text(raw) == line)


def test_until_its_approvals_are_collected_agents_need_the_old_key(settings, command, answered, gate, record):
    old = signing.keyring()
    settings.TELEMETRY_DECISION_KEY = " ".join(command("--announce")[0])
    request = answered()
    command("--rotate")
    said = command()[1]
    assert f"{old.key_id}: before it: 1 approval that it signed was not collected yet" in said
    record()
    assert "1 approval that it signed was not collected" in command()[1]
    assert heard(gate, request).approved
    record()
    said = command()[1]
    assert f"{old.key_id}: before it: agents need it no more" in said
    settings.TELEMETRY_DECISION_KEY = public_key_text(signing.keyring().public)
    assert heard(gate, answered()).approved


def test_what_no_agent_can_have_does_not_sign_but_at_once(settings, command, answered, gate):
    [first], _said = command()
    with pytest.raises(CommandError, match="no key is announced"):
        command("--rotate")
    settings.TELEMETRY_DECISION_KEY = first
    lines, _said = command("--announce")
    assert [found.id for found in check_decision_key()] == ["core.I113"]
    with pytest.raises(CommandError, match="lacks the announced key"):
        command("--rotate")
    assert signing.keyring().public == _raw(first)
    settings.TELEMETRY_DECISION_KEY = " ".join(lines)
    assert check_decision_key() == []
    rotated, _said = command("--rotate", "--at-once")  # it was stolen, with the one that was announced
    assert (rotated[0] in lines, rotated[1:]) == (False, [first])
    assert [found.id for found in check_decision_key()] == ["core.W107"]
    assert heard(gate, answered()).approved is False
    with pytest.raises(CommandError, match="goes with --rotate"):
        command("--at-once")


def test_a_file_with_an_announced_key_is_read_by_a_site_of_before_as_the_key_that_signs():
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys = signing.announce()
    private = load_pem_private_key(signing._path().read_bytes(), None)
    assert private.public_key().public_bytes_raw() == keys.public
    assert key_id(keys.announced) in keys.known
    assert signing._path().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", [("--announce",), ("--rotate", "--at-once")])
def test_a_key_that_cannot_be_recorded_is_neither_announced_nor_changed(command, step):
    before = command()

    def refuse(execute, sql, *rest):
        if "core_audit" in sql:
            raise OperationalError("the record is away")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse), pytest.raises(CommandError, match="the record is away"):
        command(*step)
    assert command() == before
