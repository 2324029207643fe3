"""A backup of the last release is restored here, and is then what the same database is after an upgrade."""

import json
from pathlib import Path

import pytest

from tests.history.backups.test_backup_across import LOOK, command
from tests.history.installation import Installation
from tests.versions.releases import Site

# Both databases are in it.
pytestmark = [pytest.mark.long, pytest.mark.anywhere]

FILL = """
from datetime import datetime, timezone
from core.models import Cursor, LLMCall, UsageHour
moments = [datetime(2026, 3, day, 9, 30, tzinfo=timezone.utc) for day in (1, 2)]
numbers = dict(cost_nano=7, input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4)
flags = dict(cache_hit=True, prompt_cache_hit=False, duration_ms=0.5)
for number, agent in enumerate(("ann", "ann", "bob")):
    LLMCall.objects.create(call_id=str(number), at=moments[1], shipped_at=moments[1], agent_id=agent, workflow="w",
                           tier="t", model="m", provider="p", **numbers, **flags)
hour = dict(workflow="w", tier="t", provider="p", model="m", cost_nano=5, input_tokens=6, output_tokens=7)
UsageHour.objects.create(hour=moments[0].replace(minute=0), calls=2, **hour)
Cursor.objects.create(name="usage pruned until", position=moments[1].replace(minute=0).isoformat())
"""
SUMS = """
import json
from core.models import AgentHour, LLMCall
print(json.dumps([
    sorted(AgentHour.objects.values_list("hour__day", "agent_id", "calls", "cost_nano", "input_tokens")),
    list(LLMCall.objects.order_by("call_id").values_list("agent_id", "cost_source", "details", "tellings")),
]))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_the_last_release_is_restored_as_an_upgrade_would_have_made_it(
    last, this, tmp_path: Path, postgresql, clean_redis, kind
):
    old = Site(last, tmp_path / "old", clean_redis)
    (tmp_path / "old").mkdir()
    old.manage("migrate", "-v", "0")
    old.run(FILL)
    old.manage("backup", str(tmp_path / "b.zip"))
    (tmp_path / "new").mkdir()
    new = Installation(tmp_path / "new", clean_redis)
    if kind == "postgresql":
        new.environment["DATABASE_URL"] = postgresql.new_database()
    restored = new.manage("restore", str(tmp_path / "b.zip"))
    assert restored.returncode == 0, restored.stderr
    upgraded = Site(this, tmp_path / "old", clean_redis)
    upgraded.run(command("migrate"))
    assert (
        json.loads(new.run(SUMS))
        == json.loads(upgraded.run(SUMS))
        == [
            [[1, "", 2, 5, 6], [2, "ann", 2, 14, 2], [2, "bob", 1, 7, 1]],
            [["ann", "told", {}, 1], ["ann", "told", {}, 1], ["bob", "told", {}, 1]],
        ]
    )
    (rows, _, problems, numbers), (there, _, _, given) = (
        json.loads(site.run(LOOK)) for site in (new, upgraded)
    )
    made_anew = {"auth_permission", "django_content_type", "auth_group_permissions"}
    made_anew |= {"core_decisiongrant", "core_denypreset"}
    assert {name: rows[name] for name in rows.keys() - made_anew} == {
        name: there[name] for name in there.keys() - made_anew
    }
    assert {name: rows[name][0] for name in made_anew} == {name: there[name][0] for name in made_anew}
    assert problems == []
    assert numbers["core_llmcall"] == given["core_llmcall"]
