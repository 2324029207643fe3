"""Searching the record: its page over many requests, on both databases, and what indexing them takes.

On databases of their own in memory, so a row is milliseconds and no ratio: the aim is a page in a second.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Bench, Row, told_by
from tests.memory_disk import memory_folder
from tests.postgresql import PostgreSQL

REQUESTS, MANY_REQUESTS = 10_000, 100_000
MOST_MS = 1_000
FILLED_A_SECOND = 500
PROGRAM = """
import random, uuid
from datetime import UTC, datetime, timedelta
from django.contrib.auth.models import Group, User
from django.test import Client
from core.history.search import index
from core.models import ApprovalRecord
count, dice = int(sys.argv[1]), random.Random(7)
begin = datetime(2026, 1, 1, tzinfo=UTC)
words = [f"word{number}" for number in range(5000)]
def row(number):
    at = begin + timedelta(minutes=4 * number)
    amount = 2070.32 if number == count // 2 else round(dice.uniform(1, 9999), 2) + 10_000
    context = {"amount": amount, "invoice": f"INV-{number}", "to": f"person{number % 500}@example.com",
        "file": f"/srv/app/{number % 900}/main.py", "text": " ".join(dice.choices(words, k=60))}
    ended = dict(ended_at=at + timedelta(minutes=3), status=("approved", "rejected")[number % 3 == 0],
        responder=f"person {number % 40}", reason="as agreed", channel="site")
    return ApprovalRecord(request_id=uuid.UUID(int=dice.getrandbits(128)), agent_id=f"agent-{number % 200}",
        approval_type=("payment", "deploy")[number % 2], context=json.dumps(context),
        digest=f"{dice.getrandbits(256):064x}", requested_at=at, deadline_at=at + timedelta(hours=1),
        timeout_seconds=3600, **ended)
for start in range(0, count, 1000):
    ApprovalRecord.objects.bulk_create([row(number) for number in range(start, start + 1000)])
began = time.perf_counter()
assert index.complete() == count
filled = time.perf_counter() - began
user = User.objects.create_user("bench")
user.groups.set(Group.objects.all())
client = Client(headers={"host": "localhost"})
client.force_login(user)
took = {}
for name, query in {
    "one number": "q=2070.32", "a mail": "q=person77@example.com", "a word of every request": "q=agreed",
    "two such words": "q=agreed+person", "what begins so": "q=inv-99*", "what begins as all do": "q=w*",
    "a word with a rare filter": "q=agreed&agent=agent-7&outcome=rejected",
    "a beginning with a rare filter": "q=w*&agent=agent-7&outcome=rejected",
    "what never meets": "q=w*&agent=agent-7&kind=payment",
    "a filter of nobody": "q=agreed&person=nobody",
    "a day": "q=agreed&from=2026-02-01&to=2026-02-01",
    "nothing": "q=marmalade", "everything": "", "an agent": "agent=agent-7",
}.items():
    times = []
    for _ in range(7):
        start = time.perf_counter()
        response = client.get(f"/record/?{query}")
        times.append(time.perf_counter() - start)
        assert response.status_code == 200, (query, response.status_code)
    took[name] = statistics.median(times) * 1000
print(json.dumps([filled, took]))
"""


def rows(bench: Bench) -> Iterator[Row]:
    with memory_folder("bench-search-") as folder:
        yield from _rows_of(bench, "SQLite", folder, {"DATABASE_URL": ""})
        (folder / "postgresql").mkdir()
        server = PostgreSQL(folder / "postgresql")
        try:
            yield from _rows_of(bench, "PostgreSQL", folder, {"DATABASE_URL": server.new_database()})
        finally:
            server.kill()


def _rows_of(bench: Bench, name: str, folder: Path, database: dict[str, str]) -> Iterator[Row]:
    count = MANY_REQUESTS if bench.large else REQUESTS
    filled, took = told_by(
        PROGRAM,
        count,
        TELEMETRY_DATA_DIR=str(folder),
        REDIS_URL=bench.url,
        TELEMETRY_NAMESPACE="bench-search",
        **database,
    )
    rate = count / filled
    aim = f"over {FILLED_A_SECOND} /s"
    yield Row("index of requests", name, rate, None, "/s", None, aim, rate > FILLED_A_SECOND)
    for what, ms in took.items():
        yield Row(f"search: {what}", f"{name}, {count:,}", ms, None, "ms", None, "under 1 s", ms < MOST_MS)
