"""Models of the clients of others that always do the same: they call a shell once, and then say that it is done."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Events = list[dict[str, Any]]


class Stub(ThreadingHTTPServer):
    """`heard`: what it was asked, as text, in order."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], command: str) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.command = command
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, *_arguments: object) -> None:
        pass

    def said(self) -> dict[str, Any]:
        """What was posted; remembered too."""
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.heard.append(text)
        return json.loads(text or "{}")

    def send(self, text: str, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        self.send("{}", "application/json")


class Responses(_Handler):
    """As OpenAI has it."""

    def do_POST(self) -> None:
        asked = self.said()
        done = any(item.get("type", "").endswith("_call_output") for item in asked.get("input", []))
        item = _text() if done else _call(asked.get("tools", []), self.server.command)
        usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
        events = [
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "resp_1", "output": [item], "usage": usage}},
        ]
        self.send("".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events))


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


class Gemini(_Handler):
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


@contextmanager
def model(handler: type[BaseHTTPRequestHandler], command: str) -> Iterator[Stub]:
    """The model, in a thread."""
    with Stub(handler, command) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
