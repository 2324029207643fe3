"""The coding agents that are known here: where their settings are, and what is written into them."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import shim
from .documents import Addition, InJson, InToml

MATCH_ALL = "*"
GEMINI_TELLS = ("BeforeAgent", "AfterAgent", "SessionEnd")
TOLD_SECONDS = 30  # of an event that nobody answers
COSTS_BY_HEADER = (
    "For what it costs, start it with OTEL_EXPORTER_OTLP_HEADERS set to Authorization=Bearer and the token."
)
CLAUDE_TELLS = (
    *("UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "Notification"),
    *("SubagentStart", "SubagentStop", "Stop", "SessionEnd"),
)


class Wiring(NamedTuple):
    """What all settings have in common: the site, the file with the token, and seconds that a tool is held."""

    site: str
    token_file: Path
    seconds: int

    def command(self, name: str) -> str:
        """The hook of one client, as a shell runs it. By its path, so that it starts without the package."""
        words = [
            sys.executable,
            "-I",
            str(Path(shim.__file__).resolve()),
            name,
            "--env",
            str(self.token_file),
        ]
        return shlex.join(words if name == "headers" else [*words, "--timeout", str(self.seconds)])

    def held(self, name: str) -> str:
        """The same before a tool, which is blocked too where the hook is killed or its Python is gone."""
        return f"trap '' HUP INT TERM; {self.command(name)} || exit 2"


class CodingAgent(NamedTuple):
    """One client: its commands, its folder in the home of whoever works with it, and its settings in that.

    `variable`: of the environment, which may name another folder. `after`: what is left to do.
    """

    name: str
    title: str
    commands: tuple[str, ...]
    folder: str
    settings: str
    addition: Callable[[Wiring], Addition]
    variable: str = ""
    after: str = ""

    def is_here(self, environment: Mapping[str, str]) -> bool:
        """Whether this machine has it."""
        path = environment.get("PATH")
        return self._home(environment).is_dir() or any(shutil.which(one, path=path) for one in self.commands)

    def file(self, environment: Mapping[str, str]) -> Path:
        """Where its settings are."""
        named = environment.get(self.variable)
        return (Path(named) if named else self._home(environment)) / self.settings

    def _home(self, environment: Mapping[str, str]) -> Path:
        return Path(environment.get("HOME") or os.path.expanduser("~")) / self.folder


# Claude Code


def _claude(wiring: Wiring) -> Addition:
    hook = {"type": "command", "command": wiring.held("claude-code"), "timeout": wiring.seconds}
    told = {**hook, "command": wiring.command("claude-code"), "timeout": TOLD_SECONDS}
    asked = {event: [{"matcher": MATCH_ALL, "hooks": [hook]}] for event in (shim.BEFORE, shim.PROMPT)}
    heard = {event: [{"hooks": [told]}] for event in CLAUDE_TELLS}
    telemetry = {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": wiring.site,
    }
    hooks = {**asked, "Elicitation": [{"hooks": [hook]}], **heard}
    return InJson({"hooks": hooks, "env": telemetry, "otelHeadersHelper": wiring.command("headers")})


# Qwen Code, which speaks as Claude Code does


def _qwen(wiring: Wiring) -> Addition:
    seconds = (
        wiring.seconds if wiring.seconds < 1000 else wiring.seconds * 1000
    )  # 1000 are milliseconds there
    held = {"type": "command", "command": wiring.held("qwen"), "timeout": seconds}
    told = {**held, "command": wiring.command("qwen"), "timeout": TOLD_SECONDS}
    asked = {event: [{"matcher": MATCH_ALL, "hooks": [held]}] for event in (shim.BEFORE, shim.PROMPT)}
    return InJson({"hooks": {**asked, **{event: [{"hooks": [told]}] for event in CLAUDE_TELLS}}})


# Codex


def _codex(wiring: Wiring) -> Addition:
    parts = [("", _codex_hook(shim.BEFORE, wiring.held("codex"), wiring.seconds))]
    parts += [
        ("", _codex_hook(event, wiring.command("codex"), TOLD_SECONDS))
        for event in ("UserPromptSubmit", "PostToolUse", "Stop")
    ]
    # It puts no variable into a header (0.171), and adds those of OTEL_EXPORTER_OTLP_HEADERS.
    endpoint = _toml(wiring.site + "/v1/logs")
    telemetry = f'[otel]\nexporter = {{ otlp-http = {{ endpoint = {endpoint}, protocol = "json" }} }}'
    return InToml((*parts, ("otel", telemetry)))


def _codex_hook(event: str, command: str, seconds: int) -> str:
    return (
        f"[[hooks.{event}]]\n[[hooks.{event}.hooks]]\n"
        f'type = "command"\ncommand = {_toml(command)}\ntimeout = {seconds}'
    )


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# GitHub Copilot


def _copilot(wiring: Wiring) -> Addition:
    held = {"type": "command", "command": wiring.held("copilot"), "timeoutSec": wiring.seconds}
    told = {**held, "command": wiring.command("copilot"), "timeoutSec": TOLD_SECONDS}
    asked = {event: [held] for event in (shim.BEFORE, shim.PROMPT)}
    return InJson({"version": 1, "hooks": {**asked, **{event: [told] for event in CLAUDE_TELLS}}})


# Gemini CLI


def _gemini(wiring: Wiring) -> Addition:
    def hook(command: str, seconds: int) -> dict[str, Any]:
        return {"type": "command", "command": command, "timeout": seconds * 1000}

    held = {"matcher": MATCH_ALL, "hooks": [hook(wiring.held("gemini"), wiring.seconds)]}
    told = {"hooks": [hook(wiring.command("gemini"), TOLD_SECONDS)]}
    return InJson(
        {
            "hooks": {
                "BeforeTool": [held],
                **{event: [told] for event in GEMINI_TELLS},
            },
            "telemetry": {
                "enabled": True,
                "target": "local",
                "otlpEndpoint": wiring.site,
                "otlpProtocol": "http",
                "logPrompts": False,
            },
        }
    )


# Cursor


def _cursor(wiring: Wiring) -> Addition:
    told = {"command": wiring.command("cursor"), "timeout": TOLD_SECONDS}
    held = {**told, "timeout": wiring.seconds, "failClosed": True}
    asked = {event: [held] for event in ("preToolUse", "beforeShellExecution", "beforeMCPExecution")}
    return InJson({"version": 1, "hooks": {**asked, "beforeSubmitPrompt": [told], "stop": [told]}})


AGENTS = (
    CodingAgent("claude-code", "Claude Code", ("claude",), ".claude", "settings.json", _claude),
    CodingAgent(
        "codex",
        "Codex",
        ("codex",),
        ".codex",
        "config.toml",
        _codex,
        "CODEX_HOME",
        "Codex passes over a hook that you did not trust: start it, type /hooks and trust those of agent-telemetry. "
        + COSTS_BY_HEADER,
    ),
    CodingAgent(
        "copilot",
        "GitHub Copilot",
        ("copilot",),
        ".copilot",
        "hooks/agent-telemetry.json",
        _copilot,
        "COPILOT_HOME",
        "For what it costs, start it with OTEL_EXPORTER_OTLP_ENDPOINT set to the site and "
        "OTEL_EXPORTER_OTLP_HEADERS to Authorization=Bearer and the token.",
    ),
    CodingAgent(
        "gemini",
        "Gemini CLI",
        ("gemini",),
        ".gemini",
        "settings.json",
        _gemini,
        after=COSTS_BY_HEADER,
    ),
    CodingAgent("qwen", "Qwen Code", ("qwen",), ".qwen", "settings.json", _qwen),
    CodingAgent("cursor", "Cursor", ("cursor", "cursor-agent"), ".cursor", "hooks.json", _cursor),
)
NAMES = tuple(agent.name for agent in AGENTS)
