"""The record: verifying and exporting a hundred thousand entries, and what an entry more costs.

On a database file of its own, so a row is seconds and no ratio: the aim of verifying is ten seconds.
"""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from tests.bench.measure import Bench, Row, told_by

ENTRIES = 100_000
MOST_SECONDS = 10
PROGRAM = """
from pathlib import Path
from django.db import transaction
from django.utils import timezone
from core.history.audit import entries
from core.history.proof import checkpoints, json_lines, verification
from core.models import ApprovalRecord
from core.values.digests import request_digest
DIGEST = request_digest("deployer", "deploy", b"{}")
def row(fact):
    told = dict(agent_id="deployer", approval_type="deploy", context="{}", digest=DIGEST, timeout_seconds=1)
    times = dict(requested_at=fact.at, deadline_at=fact.at, ended_at=fact.at)
    return ApprovalRecord(request_id=fact.request_id, status="timeout", **times, **told)
def fact(number):
    details = {"approval_type": "deploy", "digest": DIGEST}
    id_ = f"7f1c8e5e-5a45-4a3c-9d43-{number // 2:012x}"
    kind, actor = [("approval.requested", "deployer"), ("approval.timeout", "")][number % 2]
    return entries.Fact(f"{kind}:{id_}", kind, timezone.now(), actor, "deployer", id_, details)
count, path = int(sys.argv[1]), Path(sys.argv[2])
seconds = {}
began = time.perf_counter()
for start in range(0, count, 1000):
    with transaction.atomic():
        entries.append([fact(number) for number in range(start, start + 1000)])
    checkpoints.checkpoint(path)
seconds["append"] = time.perf_counter() - began
for start in range(0, count, 1000):
    ApprovalRecord.objects.bulk_create([row(fact(number)) for number in range(start, start + 1000, 2)])
began = time.perf_counter()
verdict = verification.verify(path)
seconds["verify"] = time.perf_counter() - began
assert verdict.whole and verdict.entries == count, verdict
began = time.perf_counter()
assert sum(piece.count("\\n") for piece in json_lines.pieces(json_lines.Selection())) == count
seconds["export"] = time.perf_counter() - began
print(json.dumps(seconds))
"""


def rows(bench: Bench) -> Iterator[Row]:
    with TemporaryDirectory(prefix="bench-record") as folder:
        checkpoints = f"{folder}/checkpoints.jsonl"
        seconds = told_by(PROGRAM, ENTRIES, checkpoints, TELEMETRY_DATA_DIR=folder, REDIS_URL=bench.url)
    size, verify = f"{ENTRIES:,} entries", seconds["verify"]
    yield Row("verify_audit", size, verify, None, "s", None, f"<= {MOST_SECONDS} s", verify <= MOST_SECONDS)
    yield Row("audit_export", size, seconds["export"], None, "s", None, "reported", True)
    yield Row("append, by 1,000", size, ENTRIES / seconds["append"], None, "/s", None, "reported", True)
