"""A model that always does the same: it calls a tool once and then says that it is done. Speaks the messages API."""

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.receivers import serving

USAGE = {
    "input_tokens": 10,
    "output_tokens": 20,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}


class Stub(ThreadingHTTPServer):
    """`command`: what its tool is called with. `heard`: what it was told, as text, in order."""

    def __init__(self, handler: type["Handler"], command: str) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.command = command
        self.heard: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """What models of every provider do."""

    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, *_arguments: object) -> None:
        pass

    def posted(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode() or "{}"

    def send(self, text: str, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def send_events(self, events: Iterable[dict[str, Any]]) -> None:
        self.send("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))


@contextmanager
def model(handler: type[Handler], command: str) -> Iterator[Stub]:
    """The model, in a thread."""
    stub = Stub(handler, command)
    with serving(stub):
        yield stub


class Messages(Handler):
    """As Anthropic has it. It hears the results of its tool."""

    def do_HEAD(self) -> None:
        self.send("")

    do_GET = do_HEAD

    def do_POST(self) -> None:
        body = json.loads(self.posted())
        results = [
            part
            for message in body.get("messages", [])
            if isinstance(message.get("content"), list)
            for part in message["content"]
            if part.get("type") == "tool_result"
        ]
        self.server.heard += [json.dumps(result.get("content")) for result in results]
        wants_tool = any(tool.get("name") == "Bash" for tool in body.get("tools", [])) and not results
        self.send_events(_events(self.server.command if wants_tool else None))


def model_that_runs(command: str) -> AbstractContextManager[Stub]:
    """One of the messages API."""
    return model(Messages, command)


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
