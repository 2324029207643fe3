"""Diffs, SQL, shell and JSON within a context, in coloured pieces.

Which of them a value is follows from its name and shape alone: a word of the agent chooses nothing. The pieces are
always the whole text as it was written; what cannot be told apart, or is too long, is one piece without a colour.
"""

import json
import re
from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer
from pygments.lexers.diff import DiffLexer
from pygments.lexers.shell import BashLexer
from pygments.lexers.sql import SqlLexer
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, String

from core.values.malformed import ODD

LONGEST = 12_000  # characters of one value; a lexer must not hold up a page
LONGEST_LINE = 2_000
LOOKED_AT = 4_000  # characters that tell the shape

Piece = tuple[str, str]  # a class, '' for none, and a text

SQL_NAMES = frozenset({"sql", "query", "statement", "statements"})
SHELL_NAMES = frozenset({"command", "cmd", "shell", "bash", "sh", "script"})
ARGUMENT_NAMES = frozenset({"args", "argv", "arguments", "command", "cmd"})

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_DIFF = re.compile(r"^(?:diff --git |@@ -\d|--- [^\n]*\n\+\+\+ )", re.MULTILINE)
_SQL_VERBS = (
    "SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|EXPLAIN|BEGIN|COPY|CALL"
)
_SQL_START = re.compile(rf"\s*(?:--[^\n]*\n\s*)*(?:{_SQL_VERBS})\b", re.IGNORECASE)
_SQL_SURE = re.compile(
    r"\s*(?:SELECT\b[^;]{1,2000}?\bFROM\b|INSERT\s+INTO\b|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b|TRUNCATE\s+TABLE\b"
    r"|(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|ROLE|USER)\b)",
    re.IGNORECASE,
)
_SHEBANG = re.compile(r"#!\s*/\S*\b(?:ba|da|z|k)?sh\b")

_LEXERS: dict[str, Lexer] = {
    "diff": DiffLexer(),
    "sql": SqlLexer(),
    "shell": BashLexer(),
    "json": JsonLexer(),
}
# The first that a token is a kind of.
_CLASSES = (
    (Generic.Inserted, "tk-added"),
    (Generic.Deleted, "tk-removed"),
    (Generic.Subheading, "tk-head"),
    (Generic.Heading, "tk-head"),
    (Comment, "tk-comment"),
    (Keyword, "tk-keyword"),
    (Name.Tag, "tk-name"),
    (Name.Builtin, "tk-keyword"),
    (Name.Variable, "tk-name"),
    (String, "tk-text"),
    (Number, "tk-number"),
    (Literal, "tk-text"),
)


def language_of(name: str, text: str) -> str:
    """diff, sql, shell or json; '' for plain text. `name`: the key that the value stands under."""
    head, words = text[:LOOKED_AT], set(map(str.lower, _WORD.findall(name[:200])))
    if _DIFF.search(head):
        return "diff"
    if _is_json(text):
        return "json"
    if (words & SQL_NAMES and _SQL_START.match(head)) or _SQL_SURE.match(head):
        return "sql"
    return "shell" if words & SHELL_NAMES or _SHEBANG.match(head) else ""


def is_argument_list(name: str, value: object) -> bool:
    """Whether a list is what a program is called with: by its name, and texts alone."""
    words = {word.lower() for word in _WORD.findall(name[:200])}
    return (
        isinstance(value, list)
        and bool(value)
        and bool(words & ARGUMENT_NAMES)
        and all(isinstance(item, str) for item in value)
    )


def pieces_of(language: str, text: str) -> list[Piece]:
    """The text in pieces with their classes; joined they are the text."""
    lexer = _LEXERS.get(language)
    if lexer is None or len(text) > LONGEST or max(map(len, text.split("\n"))) > LONGEST_LINE:
        return [("", text)]
    found = list(_joined(lexer, text))
    return found if "".join(piece for _class, piece in found) == text else [("", text)]


def _joined(lexer: Lexer, text: str) -> Iterator[Piece]:
    """Neighbours of one class are one piece."""
    name, said = "", ""
    text += "\n"  # what a last line is, a lexer knows by its end
    # Not `get_tokens`, which would change other ends of lines.
    for _place, kind, piece in lexer.get_tokens_unprocessed(text):  # type: ignore[no-untyped-call]
        of = next((word for token, word in _CLASSES if kind in token), "")
        if of != name and said:
            yield name, said
            said = ""
        name, said = of, said + piece
    if said != "\n":
        yield name, said.removesuffix("\n")


def _is_json(text: str) -> bool:
    if len(text) > LONGEST or not text.lstrip().startswith(("{", "[")):
        return False
    try:
        return isinstance(json.loads(text), (dict, list)) and len(text) > 2
    except ODD:
        return False
