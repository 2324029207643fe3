"""What is the same call in the next process, and what is none: by the name of its run, and by its own."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from core.frameworks.run_file import RunFile
from core.gate import AsyncGate

pytestmark = pytest.mark.anywhere


def test_a_run_keeps_its_name_over_a_restart_and_the_next_one_in_its_file_has_another(tmp_path):
    file = tmp_path / "pay-ann.json"

    async def crash(first):
        async with first:
            assert await first.begun() is None
            await first.write(b"{}\n")
            raise KeyboardInterrupt

    async def go_on(restarted):
        async with restarted:
            assert await restarted.begun() == b"{}\n"
            assert file.stat().st_mode & 0o077 == 0

    first, restarted, second = RunFile(file), RunFile(file), RunFile(file)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(crash(first))
    asyncio.run(go_on(restarted))
    assert restarted.name == first.name
    assert asyncio.run(second.begun()) is None
    assert second.name != first.name


def test_what_an_earlier_version_kept_goes_on_under_the_names_that_it_asked_with(tmp_path):
    file = tmp_path / "pay-ann.json"
    file.write_bytes(b"[1]")
    kept = RunFile(file)
    assert (asyncio.run(kept.begun()), kept.name) == (b"[1]", "pay-ann.json")
    asyncio.run(kept.write(b"[2]"))
    assert (asyncio.run(RunFile(file).begun()), file.read_bytes()) == (b"[2]", b"[2]")


def test_a_call_of_claude_that_has_no_id_is_asked_about_each_time(monkeypatch):
    names = ("HookMatcher", "PermissionResultAllow", "PermissionResultDeny")
    sdk = SimpleNamespace(**{name: lambda **said: SimpleNamespace(**said) for name in names})
    monkeypatch.setitem(sys.modules, "claude_agent_sdk", sdk)
    from core.frameworks.claude_agent import before_tools, can_use_tool

    async def use(gate):
        for _ in range(2):
            await can_use_tool(gate)("Bash", {"command": "ls"}, SimpleNamespace(tool_use_id=None))
            [held] = before_tools(gate=gate)["PreToolUse"]
            said = {"session_id": "s", "tool_name": "Bash", "tool_input": {"command": "ls"}}
            await held.hooks[0](said, None, None)

    gate = AsyncGate.fake()
    asyncio.run(use(gate))
    assert len(gate.asked) == 4
