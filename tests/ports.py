"""Ports for servers that tests start as processes of their own."""

import random
import socket

# Below those that a system gives to whoever asks for any, so that none is taken before its server has started.
FIRST, LAST = 20_000, 32_000


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now and that no connection of another test will get."""
    for port in random.SystemRandom().sample(range(FIRST, LAST), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"100 ports between {FIRST} and {LAST} are taken")
