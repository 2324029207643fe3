"""A model that always does the same: it calls a tool once and then says that it is done. Speaks the messages API."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "input_tokens": 10,
    "output_tokens": 20,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}


class Model(ThreadingHTTPServer):
    """`heard`: the results of the tool that it was told, as text."""

    def __init__(self, command: str) -> None:
        super().__init__(("127.0.0.1", 0), _Messages)
        self.command = command
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def model_that_runs(command: str) -> Iterator[Model]:
    """The model, in a thread."""
    with Model(command) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class _Messages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        results = [
            part
            for message in body.get("messages", [])
            if isinstance(message.get("content"), list)
            for part in message["content"]
            if part.get("type") == "tool_result"
        ]
        self.server.heard += [json.dumps(result.get("content")) for result in results]
        wants_tool = any(tool.get("name") == "Bash" for tool in body.get("tools", [])) and not results
        events = list(_events(self.server.command if wants_tool else None))
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def _events(command: str | None) -> Iterator[dict[str, Any]]:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**USAGE, "output_tokens": 1},
    }  # fmt: skip
    yield {"type": "message_start", "message": message}
    if command is None:
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": "done"}
    else:
        block = {"type": "tool_use", "id": "toolu_stub_1", "name": "Bash", "input": {}}
        said = json.dumps({"command": command, "description": "Leave a trace"})
        delta = {"type": "input_json_delta", "partial_json": said}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = "end_turn" if command is None else "tool_use"
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": USAGE}
    yield {"type": "message_stop"}
