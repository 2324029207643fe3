"""The hook of a coding agent: it reads what the client wants to do, asks the site, and answers as that client expects.

A client starts this file for each tool, so it is run by its path, imports nothing but the standard library and
nothing of this package. Clients run the tool where a hook takes too long or fails: so it says no well before their
time-out, and ends with 2, which blocks, whatever goes wrong here, also where somebody ends it.
"""

import hashlib
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

BLOCKED = 2  # the exit code by which every client blocks
PASSED = 0
EARLY_SECONDS = 10.0  # before the client's own time-out; the site itself answers 5 s before that
LEAST_SECONDS = 20.0
AWAY_SECONDS = 30.0  # so long a site that does not answer is asked again
PAUSE_SECONDS = 0.5
BODY_BYTES = 900_000
ENDING = (
    "SIGHUP",
    "SIGINT",
    "SIGTERM",
)  # a client that is ended itself would hear of a dead hook, and run the tool
TOLD = (
    *("hook_event_name", "session_id", "cwd", "prompt", "tool_name", "tool_use_id", "message"),
    *("notification_type", "agent_type", "agent_id", "reason"),
)
TOLD_LENGTH, TOLD_SECONDS = 1_000, 5.0
BEFORE, PROMPT, FORM = "PreToolUse", "PermissionRequest", "Elicitation"
ANSWERED = (BEFORE, PROMPT, FORM)  # every other event is only told
WERE_CALLED = {
    "TELEMETRY_URL": "AGENT_SITE",
    "TELEMETRY_TOKEN": "AGENT_TOKEN",
    "TELEMETRY_AGENT": "AGENT_NAME",
    "TELEMETRY_ASKS": "AGENT_ASKS",
}  # by their names now; those of before are read too

Body = dict[str, Any]


class HookFault(Exception):
    """Nobody could be asked; the message says why."""


class HookAnswer(NamedTuple):
    """What people say: allow, deny, or '' for no opinion; why; and what to use in the place of the input, or None."""

    word: str
    why: str = ""
    edited: Body | None = None
    whole: Body | None = None  # the site's answer as it is


class Client(NamedTuple):
    """A coding agent. `read`: its words into those of the site; `say`: the answer into its own.

    `edits`: the events at which it takes another input in the place of its own. `faults`: whether it reads beside
    the exit code that blocks what is said, and not what is complained of.
    """

    read: Callable[[Body], Body | None]
    say: Callable[[Body, HookAnswer], Any]
    edits: tuple[str, ...] = ()
    faults: bool = False


def main(words: list[str]) -> int:
    """Answer one hook: `CLIENT --env FILE --timeout SECONDS`, the event on standard input. The exit code."""
    event, client, asked = "", None, {}
    try:
        _hear_of_the_end()
        name, options = words[0], dict(zip(words[1::2], words[2::2], strict=True))
        if name == "headers":
            token = _environment(options.get("--env"))["TELEMETRY_TOKEN"]
            print(json.dumps({"Authorization": f"Bearer {token}"}))
            return PASSED
        client, started = CLIENTS[name], time.monotonic()
        asked = json.load(sys.stdin)
        client = COPILOT if is_copilots(asked) else client
        body = client.read(asked)
        if body is None:
            print("{}")
            return PASSED
        event = str(body.get("hook_event_name"))
        seconds = max(LEAST_SECONDS, float(options.get("--timeout", 60))) - EARLY_SECONDS
        environment = _environment(options.get("--env"))
        if event in ANSWERED:
            said = _ask(client, environment, body, started + seconds)
        else:
            said = _tell(client, environment, body)
        answer = client.say(asked, said)
        if answer is not None:
            print(json.dumps(answer))
        return PASSED
    except BaseException as error:  # whatever it is, the tool must not run
        if event and event not in ANSWERED:
            return PASSED
        fault = error if isinstance(error, HookFault) else f"{type(error).__name__}: {error}"
        why = f"agent-telemetry: nobody could be asked, so this is blocked. {fault}"
        if event and client is not None and client.faults:
            print(json.dumps(client.say(asked, HookAnswer("deny", why))))
        print(why, file=sys.stderr)
        return BLOCKED


def _hear_of_the_end() -> None:
    numbers = [number for number in signal.Signals if number.name in ENDING]

    def end(number: int, _frame: object) -> None:
        for each in numbers:  # once: what is said next is not cut off
            signal.signal(each, signal.SIG_IGN)
        raise HookFault(f"The hook was ended by {signal.Signals(number).name}.")

    for number in numbers:
        signal.signal(number, end)


def _environment(path: str | None) -> Mapping[str, str]:
    """TELEMETRY_URL, TELEMETRY_TOKEN and TELEMETRY_AGENT: of a file, or of the environment without one."""
    if path is None:
        found: Mapping[str, str] = os.environ
    else:
        with open(path, encoding="utf-8") as file:
            pairs = (line.strip().partition("=") for line in file if not line.startswith("#"))
            found = {name: value for name, equals, value in pairs if equals}
    named = as_named(found)
    for name in ("TELEMETRY_URL", "TELEMETRY_TOKEN"):
        if name not in named:
            raise HookFault(f"{name} is missing in {path or 'the environment'}: run agent-telemetry connect.")
    return named


def as_named(found: Mapping[str, str]) -> dict[str, str]:
    """What is set of the site, the token, the agent and what it asks about, by their names of now."""
    said = {name: found.get(name) or found.get(before, "") for name, before in WERE_CALLED.items()}
    return {name: value for name, value in said.items() if value}


def _ask(client: Client, environment: Mapping[str, str], body: Body, until: float) -> HookAnswer:
    """What the site says, by `until` (monotonic). One that is away for a moment is asked again under the same key."""
    away_since = 0.0
    while True:
        began = time.monotonic()
        if until - began <= 1:
            return HookAnswer(
                "deny", "Nobody has answered in time. Do something else now, and try this again later."
            )
        try:
            return understood(_post(client, environment, body, until - began))
        except SiteAway as error:
            now, pause = time.monotonic(), max(PAUSE_SECONDS, error.after)
            was_held = now - began > 2 * PAUSE_SECONDS  # so it was there until a moment ago
            away_since = now if was_held or not away_since else away_since
            if now + pause >= min(away_since + AWAY_SECONDS, until - 1):
                raise HookFault(str(error)) from error
            time.sleep(pause)


def _tell(client: Client, environment: Mapping[str, str], body: Body) -> HookAnswer:
    """Say what happened, once and shortly: without what the tool printed."""
    told = {name: body[name] for name in TOLD if isinstance(body.get(name), str)}
    told = {name: value[:TOLD_LENGTH] for name, value in told.items()}
    return understood(_post(client, environment, told, TOLD_SECONDS))


class SiteAway(Exception):
    """No answer now; perhaps in so many seconds."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def _post(client: Client, environment: Mapping[str, str], body: Body, left: float) -> Body:
    text = json.dumps(body).encode()
    if len(text) > BODY_BYTES:
        raise HookFault("What the tool wants to do is too large to be shown to people.")
    site = environment["TELEMETRY_URL"].rstrip("/")
    # The site answers 5 s before the time that it is told, and this waits a little longer than that.
    edits = body.get("hook_event_name") in client.edits
    query = f"timeout={max(10.0, min(left + 4, 3600)):.0f}" + ("&understands=edited" if edits else "")
    name = environment.get("TELEMETRY_AGENT", "")
    query += f"&agent={urllib.request.quote(name, safe='')}" if name else ""  # type: ignore[attr-defined]
    return call(site, f"hooks/claude-code?{query}", text, left, environment["TELEMETRY_TOKEN"])[1]


def call(site: str, path: str, text: bytes, seconds: float, token: str = "") -> tuple[int, Body]:
    """What the site answers: the status and an object. HookFault for a no, SiteAway where it may be asked again."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    asks = urllib.request.Request(f"{site}/api/v1/{path}", text, headers)
    try:
        with urllib.request.build_opener(NoRedirect).open(asks, timeout=seconds) as reply:
            said = json.load(reply)
    except urllib.error.HTTPError as error:
        raise _of_status(error) from error
    except (OSError, ValueError) as error:
        raise SiteAway(f"{site} does not answer: {error}") from error
    if not isinstance(said, dict):
        raise HookFault(f"{site} answered with something else.")
    return reply.status, said


def _of_status(error: urllib.error.HTTPError) -> Exception:
    try:
        message = json.load(error).get("message", "")
    except (OSError, ValueError, AttributeError):
        message = ""
    said = f"The site says {error.code}. {message}".strip()
    if error.code in (429, 502, 503, 504):
        after = error.headers.get("Retry-After", "")
        return SiteAway(said, float(after) if after.isdigit() else 0.0)
    return HookFault(said)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the site alone, and to nowhere that the site points at."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Never."""
        return None


def understood(answer: Body) -> HookAnswer:
    """The site's answer, which is in the words of Claude Code."""
    said = answer.get("hookSpecificOutput")
    if not isinstance(said, dict):
        return HookAnswer("", whole=answer)
    decision = said.get("decision")
    if isinstance(decision, dict):
        return HookAnswer(
            str(decision.get("behavior")),
            str(decision.get("message", "")),
            decision.get("updatedInput"),
            answer,
        )
    why = str(said.get("permissionDecisionReason", ""))
    return HookAnswer(str(said.get("permissionDecision", "")), why, said.get("updatedInput"), answer)


# Claude Code, Qwen Code and Codex


def _as_it_is(body: Body) -> Body | None:
    return body


def _say_whole(body: Body, said: HookAnswer) -> Any:
    return said.whole if said.whole is not None else _no(body, said.why)


def _say_no_to_codex(body: Body, said: HookAnswer) -> Any:
    """It knows a no alone: what is allowed is allowed by silence."""
    return _no(body, said.why) if said.word == "deny" else None


def _no(body: Body, why: str) -> Body:
    event = body.get("hook_event_name")
    more: Body = {"permissionDecision": "deny", "permissionDecisionReason": why}
    if event == PROMPT:
        more = {"decision": {"behavior": "deny", "message": why}}
    elif event == FORM:
        more = {"action": "decline"}
    return {"hookSpecificOutput": {"hookEventName": event, **more}}


# GitHub Copilot: before a tool it speaks as Claude Code does, but for a name of the call; asked for a permission not

COPILOT_PROMPT = "permissionRequest"
COPILOT_TOOLS = {  # as it calls them itself before a tool
    "bash": "Bash",
    "powershell": "Bash",
    "view": "Read",
    "create": "Write",
    "edit": "Edit",
    "task": "Agent",
    "apply_patch": "Edit",
    "str_replace_editor": "Edit",
    "web_fetch": "WebFetch",
    "web_search": "WebSearch",
}


def is_copilots(body: object) -> bool:
    """Whether this is its own word for what it would ask its user, which it says to the hooks of Claude Code too."""
    return isinstance(body, dict) and body.get("hookName") == COPILOT_PROMPT


def is_copilots_patch(body: Mapping[str, Any]) -> bool:
    """Whether this is a patch that it wants to apply: a text alone, of a call without a name."""
    before = body.get("hook_event_name") == BEFORE
    return before and isinstance(body.get("tool_input"), str) and "tool_use_id" not in body


def _read_copilot(body: Body) -> Body | None:
    if is_copilots(body):
        name = str(body.get("toolName"))
        return {
            "hook_event_name": PROMPT,
            "session_id": body.get("sessionId"),
            "cwd": body.get("cwd"),
            "tool_name": COPILOT_TOOLS.get(name, name),
            "tool_input": body.get("toolInput"),
        }
    if body.get("hook_event_name") != BEFORE:
        return body
    given = body.get("tool_input")
    use = _use(body.get("session_id"), body.get("tool_name"), given)
    # A patch is a text alone there.
    return {**body, "tool_use_id": use, "tool_input": given if isinstance(given, dict) else {"input": given}}


def _say_copilot(body: Body, said: HookAnswer) -> Any:
    if not said.word:
        return {}
    if is_copilots(body):
        return {"behavior": said.word, "message": said.why}
    if said.edited is None:
        return {"permissionDecision": said.word, "permissionDecisionReason": said.why}
    if not isinstance(body.get("tool_input"), dict):
        raise HookFault("Its input was changed, which this tool does not take.")
    return {
        "permissionDecision": said.word,
        "permissionDecisionReason": said.why,
        "modifiedArgs": said.edited,
    }


# Gemini CLI

GEMINI_EVENTS = {
    "BeforeTool": BEFORE,
    "AfterTool": "PostToolUse",
    "BeforeAgent": "UserPromptSubmit",
    "AfterAgent": "Stop",
    "Notification": "Notification",
    "SessionEnd": "SessionEnd",
}


def _read_gemini(body: Body) -> Body | None:
    event = GEMINI_EVENTS.get(str(body.get("hook_event_name")))
    if event is None:
        return None
    use = _use(body.get("session_id"), body.get("tool_name"), body.get("tool_input"))
    return {**body, "hook_event_name": event, **({"tool_use_id": use} if event == BEFORE else {})}


def _say_gemini(_body: Body, said: HookAnswer) -> Any:
    if said.word == "allow":
        edited = {"hookSpecificOutput": {"tool_input": said.edited}} if said.edited is not None else {}
        return {"decision": "allow", "reason": said.why, **edited}
    return {"decision": "deny", "reason": said.why} if said.word else {}


# Cursor

CURSOR_EVENTS = {
    "preToolUse": BEFORE,
    "beforeShellExecution": BEFORE,
    "beforeMCPExecution": BEFORE,
    "beforeSubmitPrompt": "UserPromptSubmit",
    "stop": "Stop",
    "sessionEnd": "SessionEnd",
}
CURSOR_ASKED_ELSEWHERE = ("Shell", "Bash")  # of preToolUse: these have an event of their own, and so has MCP


def _read_cursor(body: Body) -> Body | None:
    native = str(body.get("hook_event_name"))
    event, roots = CURSOR_EVENTS.get(native), body.get("workspace_roots")
    name = str(body.get("tool_name", ""))
    if event is None or (
        native == "preToolUse" and (name in CURSOR_ASKED_ELSEWHERE or name.startswith(("MCP:", "mcp")))
    ):
        return None
    session = body.get("conversation_id") or body.get("session_id")
    folder = body.get("cwd") or (roots[0] if isinstance(roots, list) and roots else "")
    said: Body = {
        "hook_event_name": event,
        "session_id": session,
        "cwd": folder,
        "prompt": body.get("prompt", ""),
    }
    if event != BEFORE:
        return said
    if native == "beforeShellExecution":
        name = "Shell"
        given: Any = {"command": body.get("command", "")}
    else:
        given = body.get("tool_input")
        given = json.loads(given) if isinstance(given, str) else given
    use = body.get("tool_use_id") or _use(session, name, given)
    return {**said, "tool_name": name, "tool_input": given, "tool_use_id": use}


def _say_cursor(body: Body, said: HookAnswer) -> Any:
    event = CURSOR_EVENTS.get(str(body.get("hook_event_name")))
    if event != BEFORE:
        return {"continue": True} if event == "UserPromptSubmit" else {}
    if not said.word:
        return {"permission": "ask"} if body.get("hook_event_name") != "preToolUse" else {}
    return {"permission": said.word, "user_message": said.why, "agent_message": said.why}


def _use(session: object, tool: object, given: object) -> str:
    """A name for this one call, for clients that have none: the site finds what was parked by what the call is."""
    text = json.dumps([session, tool, given, uuid.uuid4().hex], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


COPILOT = Client(_read_copilot, _say_copilot, (BEFORE,), faults=True)
CLIENTS = {
    "claude-code": Client(_as_it_is, _say_whole, ANSWERED),
    "codex": Client(_as_it_is, _say_no_to_codex),
    "copilot": COPILOT,
    "qwen": Client(_as_it_is, _say_whole),  # it says that it takes another input, and 0.24.4 runs its own
    "gemini": Client(_read_gemini, _say_gemini, (BEFORE,)),
    "cursor": Client(_read_cursor, _say_cursor),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
