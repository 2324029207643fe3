"""What came over a websocket: ticks as data, fragments as trees, and a page that applies them as htmx does."""

import json
import time

from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.dashboard.display.markup import Element, parse
from tests.waiting import PATIENCE

TICKS_PROMISED = 3  # there is time for so many in the five seconds after which nobody hears what they may not
# Of those that come four times as often: the same second and three quarters is left for the machine.
QUICK_TICKS_PROMISED = 6


def partials(frame: str) -> list[tuple[str, str, Element]]:
    """Target, swap and content of each fragment in a frame; none in a tick."""
    if frame.startswith("{"):
        return []
    tree = parse(frame)
    return [
        (child.attributes["hx-target"].removeprefix("#"), child.attributes["hx-swap"], child)
        for child in tree.children
        if isinstance(child, Element) and child.tag == "hx-partial"
    ]


def next_frame(socket: ClientConnection, wanted, description: str, seconds: float = PATIENCE) -> str:
    """The next frame that `wanted` is true of."""
    end = time.monotonic() + seconds
    while True:
        try:
            frame = socket.recv(max(0.01, end - time.monotonic()))
        except TimeoutError:
            raise AssertionError(f"after {seconds} s no frame: {description}") from None
        if wanted(frame):
            return frame


def next_partial(
    socket: ClientConnection, target: str, seconds: float = PATIENCE, holding: str = ""
) -> Element:
    """The next fragment for `target`, with `holding` in its frame."""
    frame = next_frame(
        socket,
        lambda frame: holding in frame and any(name == target for name, _, _ in partials(frame)),
        f"a fragment for {target}",
        seconds,
    )
    return next(content for name, _, content in partials(frame) if name == target)


def next_tick(socket: ClientConnection, *, ok: bool, seconds: float = PATIENCE) -> dict:
    """The next tick that says so."""
    return json.loads(
        next_frame(
            socket, lambda f: f.startswith("{") and json.loads(f)["ok"] is ok, f"a tick, ok={ok}", seconds
        )
    )


def next_word(socket: ClientConnection, word: str, request_id: str, seconds: float = PATIENCE) -> dict:
    """The next word that a request `came` or `went`."""
    frame = next_frame(
        socket,
        lambda frame: frame.startswith("{") and json.loads(frame).get(word, {}).get("id") == request_id,
        f"that {request_id} {word}",
        seconds,
    )
    return json.loads(frame)[word]


def code_of_closing(socket: ClientConnection, seconds: float = PATIENCE) -> tuple[int | None, list[str]]:
    """Wait until the server closes: its code, and the frames until then."""
    end, frames = time.monotonic() + seconds, []
    try:
        while True:
            frames.append(socket.recv(max(0.01, end - time.monotonic())))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None, frames
    except TimeoutError:
        raise AssertionError(f"after {seconds} s still open") from None


def clock_ms(raw: Redis) -> int:
    """The time that ticks tell."""
    seconds, microseconds = raw.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def ticks_after(frames: list[str], moment_ms: int) -> int:
    """How many ticks the server gave after a moment of its own clock.

    One comes every two seconds, from the thread that looks at rights too; in some tests both are four times as
    often. On a busy machine both come later, so their number says what a clock here cannot: whether the server
    keeps its promise of five seconds.
    """
    ticks = [json.loads(frame) for frame in frames if frame.startswith("{")]
    return sum(said["tick"] is not None and said["tick"] > moment_ms for said in ticks if "ring" not in said)


class Page:
    """A page in a browser, as far as fragments go: outerMorph replaces by id."""

    def __init__(self, html: str) -> None:
        self.tree = parse(html)

    def apply(self, frame: str) -> None:
        """Apply every fragment of a frame; one without its target on the page changes nothing."""
        for target, swap, content in partials(frame):
            new = [child for child in content.children if isinstance(child, Element)]
            assert swap == "outerMorph"
            self._replace(target, new)

    def read(self) -> str:
        """The text of the head, times left out."""
        return _text(self.tree.by_id("live"))

    def _replace(self, target: str, new: list[Element]) -> None:
        for element in self.tree.elements:
            for place, child in enumerate(element.children):
                if isinstance(child, Element) and child.attributes.get("id") == target:
                    element.children[place : place + 1] = new
                    return


def _text(element: Element) -> str:
    if element.tag == "time":
        return ""
    words = [child if isinstance(child, str) else _text(child) for child in element.children]
    return " ".join(" ".join(words).split())
