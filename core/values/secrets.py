"""Secrets in what agents write: hidden where people look, by name and by shape, and never where the text is kept."""

import json
import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    (
        *(
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "secret",
            "secrets",
            "token",
            "tokens",
        ),
        *(
            "authorization",
            "credential",
            "credentials",
            "cookie",
            "cookies",
            "apikey",
            "apitoken",
            "bearer",
            "otp",
        ),
        *("privatekey", "accesskey", "secretkey", "authtoken", "accesstoken", "refreshtoken", "clientsecret"),
    )
)
_NO_NAME = re.compile(r"[^\w .:/\[\]-]")  # text that stands where a name should
_SECRET_PAIRS = frozenset(
    ("api key", "access key", "private key", "auth key", "signing key", "encryption key")
)
_COUNTED = frozenset(("token", "tokens"))  # of a model; their numbers are no secrets

# A word before each shape that the whole must have, so that most texts are looked through once.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
    r"|(?<![A-Za-z0-9])(?:A(?:KIA|SIA)[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)[-_][\w-]{16,}|sk-[A-Za-z0-9]{20,}"
    r"|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|hf_[A-Za-z0-9]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
    r"|(?<=://)[^\s/:@\"']{0,200}:(?!⟦)[^\s/@\"']{1,200}(?=@)"
    r"|(?i:\b(?:bearer|basic)[ ]+)(?!⟦)[A-Za-z0-9._~+/-]{8,}=*"
    r"|(?i:(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|authorization)[\"']?\s*[=:]\s*[\"']?)"
    r"(?!⟦|bearer\b|basic\b|Bearer\b|Basic\b)[^\s\"',;&⟦]{4,}"
)
_BEFORE = re.compile(
    r"(?i)^(?:(?:bearer|basic)[ ]+"
    r"|(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|authorization)[\"']?\s*[=:]\s*[\"']?)"
)
_MAYBE = re.compile(
    r"(?i)pass|pwd|secret|token|auth|credential|cookie|key|bearer|basic |otp|://"
    r"|AKIA|ASIA|gh[oprsu]_|github_pat|glpat-|xox|[spr]k[-_]|AIza|npm_|pypi-|hf_|SG\.|eyJ"
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


class Masked(NamedTuple):
    """A text without its secrets, and how many were hidden."""

    text: str
    hidden: int


def mark(length: int) -> str:
    """What stands where a secret is."""
    return f"⟦hidden: {length} character{'' if length == 1 else 's'}⟧"


def is_secret_name(name: str) -> bool:
    """Whether a value of this name is one to hide: `db_password`, `apiKey`, `Authorization`."""
    return bool(_secret_words(name))


def masked_text(text: str) -> Masked:
    """`text` with known shapes of secrets hidden: private keys, tokens of known services, `password=...`."""
    if not _MAYBE.search(text):
        return Masked(text, 0)
    said, hidden = _SHAPES.subn(_hide, text)
    return Masked(said, hidden)


def masked_json(text: str) -> Masked:
    """A JSON text with what has a secret's name or shape hidden; all else is as it was written.

    What is no JSON is masked by shape alone.
    """
    if not _MAYBE.search(text):
        return Masked(text, 0)
    if not text.lstrip().startswith(("{", "[")):
        return masked_text(text)
    said = _Walk()
    return Masked(_TOKEN.sub(said.take, text), said.hidden)


class _Walk:
    """Goes along the tokens of a JSON text and knows under which names each stands."""

    def __init__(self) -> None:
        self.hidden = 0
        self._above: list[frozenset[str]] = [frozenset()]
        self._name: frozenset[str] = frozenset()
        self._in_object = [False]
        self._key_next = False

    def take(self, match: re.Match[str]) -> str:
        token = match[0]
        if token in ("{", "["):
            self._above.append(self._name or self._above[-1])
            self._in_object.append(token == "{")
            self._key_next, self._name = token == "{", frozenset()
        elif token in ("}", "]"):
            if len(self._above) > 1:
                self._above.pop()
                self._in_object.pop()
            self._name = frozenset()
        elif token == ",":
            self._key_next, self._name = self._in_object[-1], frozenset()
        elif token != ":":
            return self._key(token) if self._key_next else self._value(token)
        return token

    def _key(self, token: str) -> str:
        self._key_next, self._name = False, _secret_words(token[1:-1])
        return self._string(token)

    def _value(self, token: str) -> str:
        because = self._name or self._above[-1]
        if not token.startswith('"'):
            number = token[0] in "-0123456789"
            return self._hid(token) if number and because - _COUNTED else token
        if because and len(token) > 2:
            return self._hid(token[1:-1])
        return self._string(token)

    def _string(self, token: str) -> str:
        if not _MAYBE.search(token):
            return token
        try:
            said, hidden = masked_text(json.loads(token))
            said = json.dumps(said, ensure_ascii=False)
        except ValueError:  # the text was cut off in it
            said, hidden = masked_text(token)
        self.hidden += hidden
        return said if hidden else token

    def _hid(self, text: str) -> str:
        self.hidden += 1
        return f'"{mark(len(text))}"'


def _hide(match: re.Match[str]) -> str:
    text = match[0]
    before = _BEFORE.match(text)
    kept = before[0] if before else ""
    return kept + mark(len(text) - len(kept))


@lru_cache(maxsize=4096)
def _secret_words(name: str) -> frozenset[str]:
    """The words of a name for which its value is hidden."""
    if _NO_NAME.search(name):
        return frozenset()
    words = [word.lower() for word in _WORDS.findall(name[:200])]
    pairs = {f"{one} {other}" for one, other in pairwise(words)}
    return frozenset(_SECRET_WORDS.intersection(words) | (_SECRET_PAIRS & pairs))
