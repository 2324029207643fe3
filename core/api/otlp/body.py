"""What an exporter sent, unpacked within bounds: a body of a few kilobytes may unpack to gigabytes."""

import zlib

from core.api.answers import Refused

MOST_BYTES = 4 * 1024 * 1024  # unpacked
_WINDOWS = {b"gzip": 31, b"deflate": 15}


def unpacked(body: bytes, encoding: bytes) -> bytes:
    """The body as it was before it was packed; Refused for a packing that is unknown, damaged or too large."""
    said = encoding.strip().lower()
    if said in (b"", b"identity"):
        return _bounded(body)
    if said not in _WINDOWS:
        raise Refused(415, "body", "Pack the body with gzip or deflate, or not at all.", of="body")
    unpacking = zlib.decompressobj(_WINDOWS[said])
    try:
        found = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, "body", f"The body is no {said.decode()}.", of="body") from error
    _bounded(found)
    if not unpacking.eof or unpacking.unused_data:
        raise Refused(400, "body", f"The body is no whole {said.decode()}.", of="body")
    return found


def _bounded(body: bytes) -> bytes:
    if len(body) > MOST_BYTES:
        raise Refused(413, "body", f"An export may have {MOST_BYTES:,} bytes, unpacked.", of="body")
    return body
