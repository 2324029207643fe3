"""What channels are called with, as SQL keeps it: of no use without SECRET_KEY."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

OTHER_KEY = (
    "what this channel is called with was stored under another SECRET_KEY: an administrator enters it again"
)


class UnreadableSeal(Exception):
    """It was sealed under another key; the message is a sentence for people."""


def seal(text: str) -> str:
    """For SQL; '' stays ''."""
    return _cipher().encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """From SQL. UnreadableSeal where SECRET_KEY is another one."""
    try:
        return _cipher().decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken as error:
        raise UnreadableSeal(OTHER_KEY) from error


def _cipher() -> Fernet:
    key = hashlib.sha256(b"channels of notices " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
