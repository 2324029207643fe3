"""Programs that were written for the original run here with their import changed, and nothing else."""

from pathlib import Path

import pytest
import redis

FOLDER = Path(__file__).resolve().parent
PRINTED = {
    "approvals_with_heartbeats": """\
staging True ann@example.com seen
production False ann@example.com seen
['deployer'] True
[] 0
True 300.0 30
""",
    "signals_with_events": """\
task_ready planner writer {'page': 1}
checkpoint {'step': 2}
pause {'seconds': 1}
None 0
[4, 3, 2]
['first-entry', 'last-generated-id', 'length']
{}
[0, 1, 2, 3, 4] writer
True True 10000
""",
    "usage_with_feedback": """\
3 3000 1
['capable', 'cheap', 'cheap']
0.3 40
capable
['summary'] 0.85
10 40
""",
}


class Memory:
    """What the original calls a memory: an object whose `_client` is a client."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)


@pytest.mark.parametrize("name", PRINTED)
def test_a_program_of_the_original_runs_with_its_import_changed(url, settings, capsys, name):
    settings.REDIS_URL = url
    text = (FOLDER / f"{name}.py").read_text()
    assert text.count("from attune.telemetry import") == 1
    program: dict = {}
    exec(compile(text.replace("from attune.telemetry import", "from core import"), name, "exec"), program)
    program["main"](Memory(url))
    assert capsys.readouterr().out == PRINTED[name]
