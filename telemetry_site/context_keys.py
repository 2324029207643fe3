"""The keys that seal texts in SQL: in a setting, or in a file of the site's own."""

import base64
import binascii
from pathlib import Path

KEY_BYTES = 32


def context_keys(text: str) -> tuple[bytes, ...]:
    """Keys with spaces, commas or line ends between them, the newest first. ValueError for what is none.

    The message names no key: it is printed.
    """
    return tuple(_key(word) for word in text.replace(",", " ").split())


def context_keys_of_file(name: str) -> tuple[bytes, ...]:
    """The same of a file, none without its name. ValueError where it is away or empty: nothing goes on in clear."""
    if not name:
        return ()
    try:
        found = context_keys(Path(name).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} cannot be read: {type(error).__name__}") from error
    if not found:
        raise ValueError(f"{name} holds no key")
    return found


def _key(word: str) -> bytes:
    try:
        key = base64.b64decode(
            word.replace("-", "+").replace("_", "/") + "=" * (-len(word) % 4), validate=True
        )
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES or len(set(key)) < 8:
        raise ValueError(
            "each key must be 32 random bytes in base64, for example the output of: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return key
