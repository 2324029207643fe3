"""What a request is known by: SHA-256 over the very bytes that its agent asked with."""

import hashlib

HASHED = ("agent_id", "approval_type", "context")  # what a digest is made of, in this order


def request_body(agent_id: str, approval_type: str, context: bytes) -> bytes:
    """What is hashed. Names hold no newline, so lines cannot shift."""
    return b"\n".join([agent_id.encode(), approval_type.encode(), context])


def edited_digest(edited: bytes) -> str:
    """SHA-256, hex, over changed arguments; '' for none."""
    return hashlib.sha256(edited).hexdigest() if edited else ""


def request_digest(agent_id: str, approval_type: str, context: bytes) -> str:
    """SHA-256, hex, over agent, type and the exact context."""
    return hashlib.sha256(request_body(agent_id, approval_type, context)).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256, hex, over a text of our own, such as the terms of a rule."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
