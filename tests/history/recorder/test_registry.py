"""One registry knows every type of outbox entry."""

import re
from pathlib import Path

from core.history.recorder.registry import HANDLERS

SCRIPTS = Path(__file__).resolve().parents[3] / "core/store/lua"
REMEMBERED = re.compile(r"remember\([^)]*?'type', '(\w+)'")


def test_every_type_that_a_script_writes_has_a_handler_and_no_other():
    written = {name for script in SCRIPTS.rglob("*.lua") for name in REMEMBERED.findall(script.read_text())}
    assert written == set(HANDLERS)


def test_the_audit_chain_tells_of_requests_and_of_no_telemetry():
    audited = {name for name, handler in HANDLERS.items() if handler is None}
    assert audited == {"requested", "ended", "collected", "restored", "doubted", "more_time"}
