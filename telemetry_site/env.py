"""Settings from the environment, read strictly: a value that cannot be understood stops the start."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

from core.history.atomic_file import FileNameTaken, atomic_file
from core.store.connections import connections_to
from core.values.approvals import ALLOWED, NOT_ALLOWED

Result = TypeVar("Result")


class Environment:
    """Reads typed values and remembers every name it was asked for, so that docs can be checked."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self.names: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """The value, or `default` when it is missing or empty."""
        self.names.add(name)
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        """1, true, yes, on or 0, false, no, off."""
        value = self.text(name).lower()
        if not value:
            return default
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off"):
            return False
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")

    def folder(self, name: str) -> Path | None:
        """An absolute path: processes begin in different folders."""
        value = self.text(name)
        if value and not Path(value).is_absolute():
            raise ImproperlyConfigured(f"{name} must be an absolute path, not {value!r}")
        return Path(value) if value else None

    def number(self, name: str, default: int, most: int | None = None, least: int = 0) -> int:
        """A whole number from `least`, and at most `most`."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdecimal():
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}")
        if int(value) < least:
            raise ImproperlyConfigured(f"{name} must be at least {least:,}, not {value}")
        if most is not None and int(value) > most:
            raise ImproperlyConfigured(f"{name} must be at most {most:,}, not {value}")
        return int(value)

    def choice(self, name: str, words: list[str], default: str) -> str:
        """One of these words, in capitals or not."""
        value = self.text(name, default).upper()
        if value not in words:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(words)}, not {value!r}")
        return value

    def checked(self, name: str, check: Callable[[str], object]) -> str:
        """A text that `check` accepts; its ValueError stops the start."""
        self.parsed(name, check)
        return self.text(name)

    def parsed(self, name: str, parse: Callable[[str], Result]) -> Result:
        """What `parse` makes of the text; its ValueError stops the start."""
        try:
            return parse(self.text(name))
        except ValueError as error:
            said = str(error).removeprefix(f"{name} ")
            raise ImproperlyConfigured(f"{name}{' ' if said.startswith('must ') else ': '}{said}") from error

    def redis_url(self, name: str) -> str:
        """The address of a Redis, or ''; nothing is connected."""
        return self.checked(name, lambda said: said and connections_to(said, name))

    def words(self, name: str, default: list[str]) -> list[str]:
        """Values separated by commas."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or default


environment = Environment(dict(os.environ))


def made_private(name: str, folder: Path) -> Path:
    """The folder of this setting, made for its owner alone where it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: the folder {folder} cannot be made: {error.strerror}") from error
    return folder


def time_zone(said: str) -> str:
    """The name of a zone; ValueError for one that this machine does not know."""
    try:
        return ZoneInfo(said or "UTC").key
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise ValueError(f"must be a zone such as Europe/Berlin, not {said!r}") from None


def production_secret_key(key: str) -> str:
    """A key that is fit for production, or an error that says how to make one."""
    if len(key) < 50 or len(set(key)) < 5:
        raise ImproperlyConfigured(
            "With DEBUG=0 set SECRET_KEY to 50 random characters or more, for example the output of: "
            'python -c "import secrets; print(secrets.token_urlsafe(64))"'
        )
    return key


def metrics_token(token: str) -> None:
    """ValueError for a token that could be guessed."""
    if token and (len(token) < 20 or not token.isascii() or " " in token):
        raise ValueError("must have at least 20 characters, ASCII and without spaces")


def direct_answers(word: str) -> None:
    """ValueError for what is no answer to whether calls in Python decide."""
    if word not in ("", ALLOWED, NOT_ALLOWED):
        raise ValueError(f"must be {ALLOWED} or {NOT_ALLOWED}, not {word!r}")


def development_secret_key(data_dir: Path) -> str:
    """A random key of this machine's own, kept in the data directory."""
    file = data_dir / "secret-key"
    while not file.exists():
        with suppress(FileNameTaken), atomic_file(file) as made:  # of several that start at once one makes it
            made.write(secrets.token_urlsafe(64).encode())
    return file.read_text()
