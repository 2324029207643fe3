"""One face for an agent that asks: over the Redis of the site, or over HTTP with a token that may never decide."""

from .async_gate import AsyncGate
from .gate import Gate

__all__ = ["AsyncGate", "Gate"]
