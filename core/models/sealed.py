"""Texts that stand sealed in SQL where the site has a key for them, and read open.

A sealed text is `sealed:1:`, the id of its key, `:`, and nonce and AES-256-GCM's answer in base64. The table, the
column and the row that it stands in are part of what is sealed: copied to another place it opens nowhere.
"""

import base64
import hashlib
import os
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from core.values.malformed import ODD

PREFIX = "sealed:1:"
ID_LENGTH = 8
NONCE_BYTES = 12


class Key(NamedTuple):
    """One key: its id, its cipher, and what digests of words are made with."""

    id: str
    cipher: AESGCM
    of_words: bytes


def keys() -> tuple[Key, ...]:
    """The site's keys: the first seals, and each of them opens. Empty where texts stand in clear."""
    return _keys(tuple(settings.TELEMETRY_CONTEXT_KEYS))


@lru_cache(maxsize=4)
def _keys(raw: tuple[bytes, ...]) -> tuple[Key, ...]:
    return tuple(
        Key(_derived(b"id", key).hex()[:ID_LENGTH], AESGCM(_derived(b"texts", key)), _derived(b"words", key))
        for key in raw
    )


def _derived(purpose: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=key, digest_size=32).digest()


def is_sealed(text: object) -> bool:
    """Whether this is a sealed text, of whatever key."""
    return isinstance(text, str) and text.startswith(PREFIX)


def key_of(text: str) -> str:
    """The id of the key that a sealed text names."""
    return text[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def missing_key(text: object) -> str:
    """The id of the key without which this cannot be read; '' for what is open, or sealed with a key that is here."""
    if not isinstance(text, str) or not is_sealed(text):
        return ""
    return "" if key_of(text) in {key.id for key in keys()} else key_of(text)


def key_lost(text: object) -> str:
    """For people: that this cannot be read, and which key is missing; '' where none is."""
    key = missing_key(text)
    return f"The text is sealed with the key {key}, which this site does not have." if key else ""


def seal(text: str, place: str) -> str:
    """The text sealed for its place with the first key; as it is where there is no key, and where it is empty."""
    if not text or not keys():
        return text
    key, nonce = keys()[0], os.urandom(NONCE_BYTES)
    said = key.cipher.encrypt(nonce, text.encode(errors="surrogatepass"), place.encode())
    return f"{PREFIX}{key.id}:{base64.b64encode(nonce + said).decode()}"


def unseal(text: str, place: str) -> str:
    """The text that was sealed for this place; what cannot be opened stays as it is, and is still sealed."""
    for key in keys():
        if key.id != key_of(text):
            continue
        try:
            said = base64.b64decode(text[len(PREFIX) + ID_LENGTH + 1 :], validate=True)
            opened = key.cipher.decrypt(said[:NONCE_BYTES], said[NONCE_BYTES:], place.encode())
            return opened.decode(errors="surrogatepass")
        except (InvalidTag, *ODD):
            continue
    return text


class _Opened(DeferredAttribute):
    """The attribute of a row: opened when it is first read."""

    field: "SealedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        text = super().__get__(instance, cls)
        if is_sealed(text):
            text = instance.__dict__[self.field.attname] = self.field.opened(text, instance.pk)
        return text

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # generic for type checkers alone
    """A text column that is sealed when a row is written and opened when an attribute is read.

    `values_list` and plain SQL see what stands there: `opened` makes a text of it. `update` writes what it is given.
    """

    descriptor_class = _Opened

    def deconstruct(self) -> Any:
        """To migrations it is a text: what stands in the column is one."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """What is written: sealed, but what was sealed with a key that is not here, which stays as it is."""
        text = getattr(model_instance, self.attname)
        if not isinstance(text, str) or (is_sealed(text) and not add):
            return text
        if text and model_instance.pk is None and keys():
            raise ValueError(
                f"{self.attname} is sealed for its row, which has no number yet: save it without first"
            )
        return self.sealed(text, model_instance.pk)

    def sealed(self, text: str, pk: Any) -> str:
        """The text sealed for the row of this key."""
        return seal(text, self._place(pk))

    def opened(self, text: Any, pk: Any) -> Any:
        """What a column of the row of this key holds, open; still sealed where it cannot be opened there."""
        return unseal(text, self._place(pk)) if is_sealed(text) else text

    def _place(self, pk: Any) -> str:
        try:
            pk = self.model._meta.pk.to_python(pk)
        except (ValidationError, *ODD):  # a damaged one: then nothing opens there
            pk = repr(pk)
        return f"{self.model._meta.db_table}.{self.column}:{pk}"


def sealed_column(table: type[models.Model], name: str) -> SealedTextField:
    """A column of this table that seals and opens."""
    field = table._meta.get_field(name)
    assert isinstance(field, SealedTextField)
    return field
