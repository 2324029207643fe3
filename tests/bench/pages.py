"""Pages: large contexts, and the pages of usage and of an agent over a hundred thousand calls.

On a database file and a Redis of their own, so a row is milliseconds and no ratio: the aim is a page in a second.
"""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from tests.bench.measure import Bench, Row, told_by

CALLS = 100_000
MOST_MS = 1_000
PROGRAM = """
from django.contrib.auth.models import Group, User
from django.test import Client
from core import ApprovalGate, HeartbeatCoordinator
from tests.dashboard.usage.usage_rows import keep, many
keep(many(int(sys.argv[1]), days=90))
HeartbeatCoordinator().start_heartbeat("reviewer")
user = User.objects.create_user("bench")
user.groups.set(Group.objects.all())
client = Client(headers={"host": "localhost"})
client.force_login(user)
def page(path):
    times = []
    for _ in range(7):
        began = time.perf_counter()
        response = client.get(path)
        response.getvalue()
        times.append(time.perf_counter() - began)
        assert response.status_code == 200, (path, response.status_code)
    return statistics.median(times) * 1000
took = {}
took["live page", "one agent"] = page("/")
took["agent page", "90 days"] = page("/agents/?id=reviewer")
for days in ("7d", "90d"):
    took["usage page", days] = page(f"/usage/?range={days}")
    took["page of calls", days] = page(f"/usage/calls/?range={days}")
contexts = {
    "200 KiB in one string": {"text": "x" * 200 * 1024},
    "20,000 odd characters": {"text": "\\u202e" * 20_000},
    "10,000 keys": {f"key {number}": number for number in range(10_000)},
    "20,000 items": {"list": list(range(20_000))},
}
for name, context in contexts.items():
    request = ApprovalGate(agent_id="reviewer").open_request("deploy", context)
    took["approval page", name] = page(f"/approvals/{request.request_id}/")
print(json.dumps([[*name, ms] for name, ms in took.items()]))
"""


def rows(bench: Bench) -> Iterator[Row]:
    with TemporaryDirectory(prefix="bench-pages") as folder:
        said = told_by(
            PROGRAM, CALLS, TELEMETRY_DATA_DIR=folder, REDIS_URL=bench.url, TELEMETRY_NAMESPACE="bench-pages"
        )
    for work, size, ms in said:
        calls = f", {CALLS:,} calls" if work in ("agent page", "usage page", "page of calls") else ""
        yield Row(work, size + calls, ms, None, "ms", None, "under 1 s", ms < MOST_MS)
