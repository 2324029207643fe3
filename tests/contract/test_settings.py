"""Settings: each one documented, and an unsafe one stops the start with an error that says what to set."""

import os
import re
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from telemetry_site import env
from telemetry_site import settings as _settings  # noqa: F401  each name is asked for while it loads
from telemetry_site.env import Environment, environment

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "settings.md"
GOOD_KEY = "v3ry-l0ng-and-r4ndom-enough-to-be-a-key-of-a-real-site-0123456789"
GOOD = {"DEBUG": "0", "SECRET_KEY": GOOD_KEY, "ALLOWED_HOSTS": "telemetry.example.org"}


def manage(tmp_path: Path, command: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment of these settings alone."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=ROOT,
        env={**kept, "TELEMETRY_DATA_DIR": str(tmp_path), **values},
        capture_output=True,
        text=True,
        timeout=120,
    )


def documented() -> dict[str, str]:
    """Each setting of the site's tables, and what stands there as its default."""
    tables = DOCUMENT.read_text().split("\n## The site and its address")[1].split("\n## For tests")[0]
    rows = [line.strip("|").split(" | ") for line in tables.splitlines() if line.startswith("| `")]
    assert len(rows) == len({name for name, *_ in rows})
    return {name.strip(" `"): default for name, default, _effect in rows}


def test_every_setting_is_documented_and_nothing_else():
    assert sorted(documented()) == sorted(environment.names)


def test_what_agents_read_of_their_environment_is_documented():
    code = "".join(path.read_text() for path in (ROOT / "core").rglob("*.py"))
    asked = r'(?:setting\(|environ\.get\(|environ\[|KEY_SETTING = )"((?:TELEMETRY|REDIS|AGENT)_\w+)"'
    read = set(re.findall(asked, code))
    assert len(read) > 10
    assert read - set(re.findall(r"\w+", DOCUMENT.read_text())) == set()


def test_the_documented_numbers_are_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setattr(env, "environment", Environment({"TELEMETRY_DATA_DIR": str(tmp_path)}))
    settings = runpy.run_path(str(ROOT / "telemetry_site" / "settings.py"))
    numbers = {name: said.strip("`") for name, said in documented().items() if re.fullmatch(r"`\d+`", said)}
    assert len(numbers) > 25
    assert {name: str(int(settings[name])) for name in numbers} == numbers


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": " , "}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"HTTPS": "yess"}, "HTTPS"),
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"TELEMETRY_NAMESPACE": "Not Good"}, "TELEMETRY_NAMESPACE"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"TIME_ZONE": "Mars"}, "TIME_ZONE"),
        ({"TELEMETRY_DATA_DIR": "/proc/none/of/these"}, "TELEMETRY_DATA_DIR"),
        ({"REDIS_URL": "http://:hidden@host"}, "REDIS_URL"),
        ({"TELEMETRY_SITE_REDIS_URL": "redis://:hidden@host:port"}, "TELEMETRY_SITE_REDIS_URL"),
        ({"DATABASE_URL": "mysql://maria:hidden@host/name"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://maria:hidden@host:port/name"}, "DATABASE_URL"),
        ({"TELEMETRY_BACKUP_DIR": "backups"}, "TELEMETRY_BACKUP_DIR"),
        ({"TELEMETRY_BACKUP_KEEP": "0"}, "TELEMETRY_BACKUP_KEEP"),
        ({"TELEMETRY_USAGE_DAYS": "3661"}, "TELEMETRY_USAGE_DAYS"),
        ({"TELEMETRY_USAGE_DAYS": "-1"}, "TELEMETRY_USAGE_DAYS"),
        ({"TELEMETRY_PREMIUM_MODELS": "claude-opus-4-1"}, "TELEMETRY_PREMIUM_MODELS"),
        ({"TELEMETRY_PREMIUM_MODELS": "anthropic=claude-opus-4-1@soon"}, "TELEMETRY_PREMIUM_MODELS"),
        ({"TELEMETRY_STUCK_SECONDS": "-1"}, "TELEMETRY_STUCK_SECONDS"),
        ({"TELEMETRY_STUCK_SECONDS": "soon"}, "TELEMETRY_STUCK_SECONDS"),
        ({"TELEMETRY_BODY_DAYS": "-1"}, "TELEMETRY_BODY_DAYS"),
        ({"TELEMETRY_BODY_DAYS": "a year"}, "TELEMETRY_BODY_DAYS"),
        ({"TELEMETRY_CONTEXT_KEY": "short"}, "TELEMETRY_CONTEXT_KEY"),
        ({"TELEMETRY_CONTEXT_KEY": "A" * 43}, "TELEMETRY_CONTEXT_KEY"),
        ({"TELEMETRY_CONTEXT_KEY_FILE": "/none/of/these"}, "TELEMETRY_CONTEXT_KEY_FILE"),
        ({"TELEMETRY_PRICES": '[{"model": "a/b", "input": -1, "output": 1}]'}, "TELEMETRY_PRICES"),
    ],
)
def test_an_unsafe_or_unclear_setting_is_an_error_that_names_it(tmp_path, monkeypatch, changed, named):
    values = {"TELEMETRY_DATA_DIR": str(tmp_path), **GOOD, **changed}
    monkeypatch.setattr(env, "environment", Environment(values))
    with pytest.raises(ImproperlyConfigured, match=named) as refused:
        runpy.run_path(str(ROOT / "telemetry_site" / "settings.py"))
    said = "".join(traceback.format_exception(refused.value))
    assert named in said.strip().splitlines()[-1]
    assert GOOD_KEY not in said
    assert "hidden" not in said


def test_such_a_setting_stops_the_start_with_one_sentence(tmp_path):
    result = manage(tmp_path, "check", **{**GOOD, "SECRET_KEY": "short"})
    assert result.returncode == 1
    [said] = result.stderr.splitlines()  # and no traceback
    assert "SECRET_KEY" in said


@pytest.mark.long
def test_good_production_settings_pass_the_deployment_check_but_for_files_not_collected_here(tmp_path):
    result = manage(tmp_path, "check --deploy", **GOOD)
    assert set(re.findall(r"\w+\.[EW]\d+", result.stderr)) <= {"dashboard.E116"}, result.stderr
