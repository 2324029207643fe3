"""`check --deploy` names each thing by which somebody comes in who should not."""

import logging
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import override_settings

from core.history import door_checks
from core.history.door_checks import check_folders, check_proxies, check_redis_doors, check_second_factor
from telemetry_site.addresses import networks
from telemetry_site.log_lines import RefusalsInOneLine
from tests.accounts import documented_rule
from tests.servers import Proxy, client_of, faulty_server


def test_an_account_as_documented_is_fine_and_each_open_door_is_named():
    with faulty_server() as server, client_of(server.url) as client, closing(Proxy(server.url)) as proxy:
        url = proxy.url.replace("://", "://telemetry-site:secret@")
        rule = documented_rule("telemetry-site")
        client.execute_command("ACL", "SETUSER", "telemetry-site", "on", ">secret", *rule)
        client.execute_command("ACL", "SETUSER", "default", "off")
        with override_settings(REDIS_URL=url):
            assert check_redis_doors() == []
            client.execute_command("ACL", "SETUSER", "telemetry-site", "+@admin")
            [warning] = check_redis_doors()
            assert (warning.id, "may change accounts" in warning.msg) == ("core.W115", True)
            client.execute_command("ACL", "SETUSER", "telemetry-site", "-@admin")
            client.execute_command("ACL", "SETUSER", "default", "on", "nopass")
            [warning] = check_redis_doors()
            assert (warning.id, "without a password" in warning.msg) == ("core.W115", True)
            assert "secret" not in str(warning)


def test_a_folder_that_others_may_read_is_named_and_so_is_a_file_in_it(tmp_path, settings):
    settings.TELEMETRY_DATA_DIR, settings.TELEMETRY_BACKUP_DIR = tmp_path, None
    tmp_path.chmod(0o700)
    assert check_folders() == []
    kept = tmp_path / "appendonlydir"
    kept.mkdir(mode=0o700)
    (kept / "one.aof").touch(mode=0o644)
    tmp_path.chmod(0o755)
    assert [(one.id, one.hint) for one in check_folders()] == [
        ("core.W114", f"chmod go= {tmp_path}"),
        ("core.W114", f"chmod go= {kept / 'one.aof'}"),
    ]


@pytest.mark.parametrize(
    ("said", "named"), [("10.0.0.7", 0), ("10.0.0.0/24,::1", 0), ("0.0.0.0/0", 1), ("10.0.0.0/8,::/0", 2)]
)
def test_proxies_that_are_everybody_are_named(said, named, settings):
    settings.TELEMETRY_TRUSTED_PROXIES = networks(said, [])
    assert [one.id for one in check_proxies()] == ["core.W108"] * named


def test_a_group_of_which_a_second_factor_is_demanded_and_that_there_is_not_is_named(settings, db):
    settings.TELEMETRY_SECOND_FACTOR = ["approver", "superuser"]
    assert check_second_factor(["default"]) == []
    Group.objects.filter(name="approver").update(name="approvers")
    [warning] = check_second_factor(["default"])
    assert (warning.id, "'approver'" in warning.msg) == ("core.W116", True)


def test_each_check_has_an_id_of_its_own_so_that_silencing_one_silences_no_other():
    rooms = Path(door_checks.__file__).parents[1]
    found = Counter(
        name
        for path in rooms.rglob("*.py")
        for name in re.findall(r'id="(core\.[A-Z]\d+)"', path.read_text())
    )
    assert {"core.W102", "core.W108"} <= found.keys()
    assert [name for name, count in found.items() if count > 1] == []


def test_a_refusal_has_no_traceback_in_the_log_and_a_fault_has_one():
    for status, kept in ((403, False), (500, True)):
        record = logging.makeLogRecord(
            {"name": "django.request", "status_code": status, "exc_info": (1, 2, 3)}
        )
        assert RefusalsInOneLine().filter(record)
        assert bool(record.exc_info) is kept
