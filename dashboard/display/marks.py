"""Pages that others make, such as the admin: whatever hides in their text gets its mark, and secrets are hidden."""

import re
from html import escape, unescape

from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse

from core.values.secrets import Masked, masked_json, masked_text
from core.values.skeleton import mixed_script_words
from core.values.text import chip, is_unsafe
from dashboard import words

PLACE = "<!-- marks -->"  # where a template wants the warning

# What is typed into a field is sent back as it is: its value is left alone, and so is what is between no tags.
_PIECE = re.compile(
    r"(?P<field><textarea\b.*?</textarea\s*>|<script\b.*?</script\s*>|<(?:input|option|button)\b[^>]*>)"
    r"|(?P<tag><[^>]*>)|(?P<text>[^<]+)",
    re.DOTALL | re.IGNORECASE,
)
_UNSEEN = re.compile(r"[^\x20-\x7e\n\t]")


def with_marks(response: HttpResponse) -> HttpResponse:
    """The response, where it is a page with every unsafe character as ⟦U+202E⟧ and a warning that counts them."""
    if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
        return response
    if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
        response.add_post_render_callback(_mark)
        return response
    return _mark(response)


def marked_page(html: str) -> str:
    """The page as text; `PLACE` in it becomes the warning."""
    page = _Page()
    shown = _PIECE.sub(page.take, html)
    return shown.replace(PLACE, page.warning, 1)


def _mark(response: HttpResponse) -> HttpResponse:
    response.content = marked_page(response.content.decode(response.charset))
    return response


class _Page:
    """Goes along a page, marks and counts."""

    def __init__(self) -> None:
        self._unseen = 0
        self._hidden = 0
        self._mixed: dict[str, tuple[str, ...]] = {}

    def take(self, match: re.Match[str]) -> str:
        if match["field"]:
            return match[0]
        if match["tag"]:
            return _UNSEEN.sub(_chip_or_same, match[0])
        return self._text(match[0])

    def _text(self, text: str) -> str:
        said, hidden = _masked(text)
        self._hidden += hidden
        if _UNSEEN.search(said) is None:
            return said
        self._mixed.update(mixed_script_words(unescape(said)))
        return _UNSEEN.sub(self._counted, said)

    def _counted(self, match: re.Match[str]) -> str:
        said = _chip_or_same(match)
        self._unseen += said != match[0]
        return said

    @property
    def warning(self) -> str:
        told = words.text_warnings(self._unseen, self._mixed.items(), self._hidden)
        return "".join(
            f'<p class="errornote">{escape(_UNSEEN.sub(_chip_or_same, line))}</p>' for line in told
        )


def _masked(text: str) -> Masked:
    if text.lstrip().startswith(("{&quot;", "[")):
        said, hidden = masked_json(unescape(text))
        return Masked(escape(said), hidden) if hidden else Masked(text, 0)
    return masked_text(text)


def _chip_or_same(match: re.Match[str]) -> str:
    return chip(match[0]) if is_unsafe(match[0]) else match[0]
