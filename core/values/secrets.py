"""Secrets in what agents write: hidden where people look, by name and by shape, and never where the text is kept."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORD = re.compile(
    r"passwords?|passwd|passphrase|passcode|pwd|secrets?|tokens?|authorization|credentials?|cookies?|bearer|otp"
    r"|apikey|apitoken|privatekey|accesskey|secretkey|authtoken|accesstoken|refreshtoken|clientsecret"
)
_SECRET_PAIR = re.compile(r"(api|access|private|auth|signing|encryption) key")
_NO_NAME = re.compile(r"[^\w .:/\[\]-]")  # text that stands where a name should
_COUNTED = frozenset(("token", "tokens"))  # of a model; their numbers are no secrets

# A word before each shape that the whole must have, so that most texts are looked through once. What may begin again
# within itself is bounded: the time of a text must not grow with the square of its length.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
    r"|(?<![A-Za-z0-9])(?:A(?:KIA|SIA)[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)[-_][\w-]{16,}|sk-[A-Za-z0-9]{20,}"
    r"|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|hf_[A-Za-z0-9]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|eyJ(?:[\w-]{8,1000}\.[\w-]{8,}\.[\w-]*|[\w-]{1000}[\w.-]*))"
    r"|(?<=://)[^\s/:@\"']{0,200}:(?!⟦)[^\s/@\"']{1,200}(?=@)"
    r"|(?i:\b(?:bearer|basic)[ ]+)(?!⟦)[A-Za-z0-9._~+/-]{8,}=*"
    r"|(?i:(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|authorization)[\"']?\s*[=:]\s*[\"']?)"
    r"(?!⟦|bearer\b|basic\b|Bearer\b|Basic\b)[^\s\"',;&⟦]{4,}"
)
_BEFORE = re.compile(
    r"(?i)^(?:(?:bearer|basic)[ ]+"
    r"|(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|authorization)[\"']?\s*[=:]\s*[\"']?)"
)
# One of these stands in every secret's name, and one of those in every shape, in whatever case. Looked for one by one,
# which is far quicker than all at once.
_IN_NAMES = (
    *("pass", "pwd", "secret", "token", "authorization", "credential", "cookie", "bearer", "otp"),
    *("api", "access", "private", "auth", "signing", "encryption"),
)
_IN_SHAPES = (
    *("private key", "akia", "asia", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat", "glpat-", "xox"),
    *("sk-", "sk_", "rk-", "rk_", "pk-", "pk_", "aiza", "npm_", "pypi-", "hf_", "sg.", "eyj", "://"),
    *("bearer ", "basic ", "password", "passwd", "passphrase", "secret", "token", "authorization"),
    *("apikey", "api_key", "api-key", "accesskey", "access_key", "access-key"),
)
_TELLING = (  # one of either
    *("pass", "pwd", "auth", "credential", "cookie", "key", "bearer", "otp"),
    *_IN_SHAPES,
)
_LIKE_ASCII = (("\u017f", "s"), ("\u0130", "i"), ("\u0131", "i"), ("\u212a", "k"))
_NAMES = re.compile(r'"([^"]*)"\s*:')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


class Masked(NamedTuple):
    """A text without its secrets, and how many were hidden."""

    text: str
    hidden: int


def mark(length: int) -> str:
    """What stands where a secret is."""
    return f"⟦hidden: {length} character{'' if length == 1 else 's'}⟧"


def masked_text(text: str) -> Masked:
    """`text` with known shapes of secrets hidden: private keys, tokens of known services, `password=...`."""
    if not _has(_folded(text), _IN_SHAPES):
        return Masked(text, 0)
    said, hidden = _SHAPES.subn(_hide, text)
    return Masked(said, hidden)


def masked_json(text: str) -> Masked:
    """A JSON text with what has a secret's name or shape hidden; all else is as it was written.

    What is no JSON is masked by shape alone.
    """
    folded = _folded(text)
    if not _has(folded, _TELLING):
        return Masked(text, 0)
    if not text.lstrip().startswith(("{", "[")):
        return masked_text(text)
    shapes = _has(folded, _IN_SHAPES)
    if not shapes and "\\" not in text and not _has_secret_name(text) and _is_json(text):
        return Masked(text, 0)
    said = _Walk(shapes)
    return Masked(_TOKEN.sub(said.take, text), said.hidden)


def _folded(text: str) -> str:
    """In small letters, with those that a pattern without case takes for one of ASCII."""
    for letter, like in () if text.isascii() else _LIKE_ASCII:
        text = text.replace(letter, like)
    return text.lower()


def _has(folded: str, parts: Iterable[str]) -> bool:
    return any(part in folded for part in parts)


def _has_secret_name(text: str) -> bool:
    """Whether a member of an object has one, in JSON without escapes."""
    names = dict.fromkeys(_NAMES.findall(text))
    return _has(_folded("\n".join(names)), _IN_NAMES) and any(map(_secret_words, names))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class _Walk:
    """Goes along the tokens of a JSON text and knows under which names each stands."""

    def __init__(self, shapes: bool) -> None:
        self.hidden = 0
        self._shapes = shapes  # whether the text has a word that a shape begins with
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
        if "\\" not in token:
            if not self._shapes or not _SHAPES.search(token):
                return token
        elif not _has(_folded(token), _TELLING):
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


def _secret_words(name: str) -> frozenset[str]:
    """The words of a name for which its value is hidden."""
    return frozenset() if _NO_NAME.search(name) else _secret_words_of(name[:200])


@lru_cache(maxsize=4096)  # of short texts: a key of a context may have all of its 256 KiB
def _secret_words_of(name: str) -> frozenset[str]:
    words = [word.lower() for word in _WORDS.findall(name)]
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    return frozenset((*filter(_SECRET_WORD.fullmatch, words), *filter(_SECRET_PAIR.fullmatch, pairs)))
