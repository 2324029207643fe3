"""Models of the clients of others that always do the same: they call a shell once, and then say that it is done."""

import json
from typing import Any

from tests.api.model_stub import Handler


class _Hearing(Handler):
    """Remembers all that it was asked."""

    def said(self) -> dict[str, Any]:
        """What was posted."""
        text = self.posted()
        self.server.heard.append(text)
        return json.loads(text)

    def do_GET(self) -> None:
        self.send("{}", "application/json")


class Responses(_Hearing):
    """As OpenAI has it."""

    def do_POST(self) -> None:
        asked = self.said()
        done = any(item.get("type", "").endswith("_call_output") for item in asked.get("input", []))
        item = _text() if done else self.called(asked.get("tools", []))
        usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
        events = [
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "resp_1", "output": [item], "usage": usage}},
        ]
        self.send_events(events)

    def called(self, tools: list[dict[str, Any]]) -> dict[str, Any]:
        """What it wants to do with these tools."""
        return _call(tools, self.server.command)


class Patches(Responses):
    """The same, which writes a file by a patch, where it is offered that."""

    def called(self, tools: list[dict[str, Any]]) -> dict[str, Any]:
        patch = f"*** Begin Patch\n*** Add File: {self.server.command}\n+hello\n*** End Patch\n"
        call = {
            "type": "custom_tool_call",
            "id": "ct_1",
            "call_id": "call_1",
            "name": "apply_patch",
            "input": patch,
        }
        return call if any(tool.get("name") == "apply_patch" for tool in tools) else _text()


def _text() -> dict[str, Any]:
    content = [{"type": "output_text", "text": "done", "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def _call(tools: list[dict[str, Any]], command: str) -> dict[str, Any]:
    names = {tool.get("name") for tool in tools}
    for name, arguments in (
        ("exec_command", {"cmd": command}),
        ("shell_command", {"command": command}),
        ("shell", {"command": ["bash", "-lc", command]}),
        ("bash", {"command": command, "description": "Leave a trace"}),
    ):
        if name in names:
            said = json.dumps(arguments)
            return {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": name,
                "arguments": said,
            }
    return _text()


EASY = {"complexity_reasoning": "easy", "complexity_score": 1}  # it asks first which model shall do it


class Gemini(_Hearing):
    """As Google has it."""

    def do_POST(self) -> None:
        asked = self.said()
        parts = [part for turn in asked.get("contents", []) for part in turn.get("parts", [])]
        done = any("functionResponse" in part for part in parts) or not asked.get("tools")
        call = {"functionCall": {"name": "run_shell_command", "args": {"command": self.server.command}}}
        text = "done" if "stream" in self.path else json.dumps(EASY)
        content = {"role": "model", "parts": [{"text": text} if done else call]}
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30}
        said = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": usage,
        }
        if "stream" in self.path:
            self.send(f"data: {json.dumps(said)}\r\n\r\n")
        else:
            self.send(json.dumps(said), "application/json")
