"""Commands as people run them: processes with pipes, terminals and environments of their own."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management import ManagementUtility

from core.cli import main
from tests.core.usage.usage_help import track
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anywhere
LONG = pytest.mark.long  # each is a process, and one shows what the others show

ROOT = Path(__file__).resolve().parents[2]
MODULE = [sys.executable, "-m", "core"]
WITHOUT = "import sys; sys.modules[{0!r}] = None; from core.cli import main; sys.exit(main(sys.argv[1:]))"
EACH = "import sys; sys.modules['django'] = None; from core.cli import main\n"
EACH += "for name in sys.argv[1:]: assert main([name, '--json']) == 0; print(name)"


@pytest.fixture
def environment(tracker, clean_redis, tmp_path):
    track(tracker, 3, workflow="nightly\u202ework", agent_id="worker")
    tracker.flush()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TELEMETRY_DATA_DIR": str(tmp_path), "REDIS_URL": clean_redis, "TERM": "xterm"}


def run(words, environment, **options) -> subprocess.CompletedProcess:
    """Run where there is a checkout and nothing of the site is configured."""
    known = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True, "timeout": 2 * PATIENCE}
    return subprocess.run(words, **{**known, **options})


def on_a_terminal(words, environment, columns=200) -> tuple[int, str]:
    """Run with a terminal of so many columns as standard output: the exit code, and what it got."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    got = b""
    with suppress(OSError):  # the terminal is gone when the process has ended
        while part := os.read(ours, 65536):
            got += part
    os.close(ours)
    assert process.stderr is not None
    assert process.stderr.read() == b""
    return process.wait(60), got.decode()


def test_a_pipe_gets_plain_columns_of_ascii_heads_and_no_escape(environment):
    done = run([*MODULE, "show"], environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:3] == ["time", "(UTC)", "workflow"]
    assert not re.search("[\x1b─│╭]", done.stdout)
    assert "nightly⟦U+202E⟧work" in done.stdout


def test_a_terminal_gets_a_table_of_sensible_width_and_no_escape(environment):
    code, got = on_a_terminal([*MODULE, "show"], environment)
    assert code == 0
    assert "─" in got
    assert "\x1b" not in got
    assert 60 < max(len(line) for line in got.splitlines()) <= 160
    assert "left out" not in got


def test_a_narrow_terminal_gets_whole_cells_of_fewer_columns_and_is_told(environment):
    _code, got = on_a_terminal([*MODULE, "show"], environment, columns=80)
    assert max(len(line) for line in got.splitlines()) <= 80
    assert "left out: stage, provider, " in got
    assert "nightly⟦U+202E⟧work" in got
    assert "$0.010500" in got


@LONG
@pytest.mark.parametrize("columns", [44, 30, 20, 12])
def test_on_a_very_narrow_terminal_every_column_is_shown_or_named_below(environment, columns):
    _code, got = on_a_terminal([*MODULE, "show"], environment, columns=columns)
    assert max(len(line) for line in got.splitlines()) <= columns
    table, _, note = " ".join(got.split()).partition("left out: ")
    left_out = note.partition(" (widen")[0].split(", ")
    shown = [title for title in SHOWN if title not in left_out]
    assert set(left_out) <= set(SHOWN)
    assert shown[0] == "time (UTC)"
    assert all(title[:3] in table for title in shown)
    assert ("$0.010500" in table) is ("cost" in shown)


SHOWN = [
    *("time (UTC)", "workflow", "stage", "agent", "tier", "provider"),
    *("model", "input", "output", "cost", "ms"),
]
SLOW = """
from core.cli import tables
tables.PATIENCE_SECONDS = 0
print(sum(tables.with_progress(range(1000), lambda: 1000, "counting")))
"""


@LONG
@pytest.mark.parametrize("rich", [True, False])
def test_whoever_waits_sees_a_bar_beside_the_output_where_rich_is(environment, rich):
    ours, theirs = pty.openpty()
    program = SLOW if rich else f"import sys; sys.modules['rich'] = None\n{SLOW}"
    options = {"stdout": subprocess.PIPE, "stderr": theirs, "cwd": ROOT, "env": environment}
    process = subprocess.Popen([sys.executable, "-c", program], **options)
    os.close(theirs)
    got = b""
    with suppress(OSError):
        while part := os.read(ours, 65536):
            got += part
    os.close(ours)
    assert (process.stdout.read(), process.wait(60)) == (b"499500\n", 0)
    assert (b"counting" in got) is rich


@LONG
def test_without_rich_a_terminal_gets_the_plain_columns(environment):
    code, got = on_a_terminal([sys.executable, "-c", WITHOUT.format("rich"), "show"], environment)
    assert code == 0
    assert "─" not in got
    assert got.splitlines()[1].split()[:3] == ["time", "(UTC)", "workflow"]


def test_what_redis_knows_is_answered_without_django(environment):
    names = ["show", "savings", "cache_stats", "compare"]
    done = run([sys.executable, "-c", EACH, *names], environment)
    assert (done.returncode, done.stderr) == (0, "")
    answers = re.split(rf"^(?:{'|'.join(names)})$", done.stdout, flags=re.MULTILINE)
    assert [bool(json.loads(answer)) for answer in answers[:-1]] == [True] * 4


@pytest.mark.parametrize(
    "name", ["export", *(pytest.param(name, marks=LONG) for name in ("reset", "sonnet_opus_analysis"))]
)
def test_what_sql_knows_names_the_command_that_reaches_it(environment, name):
    done = run([*MODULE, name], environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(rf"run `python manage\.py telemetry {name}\b", done.stderr)
    assert len(done.stderr.splitlines()) == 1


@LONG
def test_a_named_project_is_used_for_what_sql_knows(environment, this_database):
    named = {
        **environment,
        "DJANGO_SETTINGS_MODULE": "telemetry_site.settings",
        "DATABASE_URL": this_database,
    }
    done = run([*MODULE, "export"], named)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@LONG
def test_a_reader_that_went_away_is_not_complained_about(environment):
    reading, writing = os.pipe()
    os.close(reading)
    done = run([*MODULE, "show"], environment, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@LONG
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence(environment):
    with open("/dev/full", "w") as full:
        done = run([*MODULE, "show"], environment, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "python -m core show: [Errno 28] No space left on device\n")


@LONG
def test_a_terminal_that_knows_ascii_alone_gets_every_line(environment):
    done = run([*MODULE, "show"], {**environment, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 5


def test_no_redis_configured_is_one_sentence(environment, tmp_path):
    unconfigured = {**environment, "REDIS_URL": "", "TELEMETRY_DATA_DIR": str(tmp_path / "empty")}
    done = run([*MODULE, "show"], unconfigured)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("python -m core show: no Redis runs in")
    assert len(done.stderr.splitlines()) == 1


def test_the_management_command_has_the_same_words(environment):
    words = [sys.executable, "manage.py", "telemetry", "show", "--json", "--limit", "1"]
    done = run(words, environment)
    assert (done.returncode, len(json.loads(done.stdout))) == (0, 1)


@LONG
def test_the_management_command_names_a_database_that_does_not_answer(environment):
    unmigrated = run([sys.executable, "manage.py", "telemetry", "export"], environment)
    assert (unmigrated.returncode, unmigrated.stdout) == (1, "")
    assert unmigrated.stderr.startswith("manage.py telemetry export: the database does not answer")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: command"),
        (["shew"], "invalid choice: 'shew'"),
        (["show", "--limit", "many"], "must be a whole number"),
        (["show", "extra"], "unrecognized arguments: extra"),
        (["show", "--limit", "9" * 5000], "must be a whole number of 1 to 1,000,000"),
    ],
    ids=["none", "unknown", "no-number", "extra", "5000-digits"],
)
@pytest.mark.parametrize(
    "run_words",
    [main, lambda words: ManagementUtility(["manage.py", "telemetry", *words]).execute()],
    ids=["core", "manage"],
)
def test_words_that_are_no_command_are_one_sentence(capsys, run_words, words, said):
    with pytest.raises(SystemExit) as ended:
        sys.exit(run_words(words))
    out, err = capsys.readouterr()
    assert (ended.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err
    assert err.endswith("--help\n")


@pytest.mark.parametrize("project", ["nope", pytest.param("tests.cli.conftest", marks=LONG)])
def test_a_named_project_that_cannot_be_loaded_is_one_sentence(environment, project):
    done = run([*MODULE, "export"], {**environment, "DJANGO_SETTINGS_MODULE": project})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(
        f"python -m core export: DJANGO_SETTINGS_MODULE={project} cannot be loaded: "
    )


@LONG
def test_a_named_project_without_our_application_is_told_so_in_one_sentence(environment, tmp_path):
    (tmp_path / "foreign.py").write_text("SECRET_KEY = 'x'\nINSTALLED_APPS = []\n")
    named = {**environment, "DJANGO_SETTINGS_MODULE": "foreign", "PYTHONPATH": str(tmp_path)}
    done = run([*MODULE, "export"], named)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "foreign is a project without `core` in INSTALLED_APPS" in done.stderr
