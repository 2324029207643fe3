"""Lists of the admin under their own name, where Django says “Select ... to change”."""

from typing import Any

from django.http import HttpRequest, HttpResponse


class Titled:
    """Of a table, before the class of Django that shows it."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list."""
        shown: Any = super()
        title = str(self.opts.verbose_name_plural)  # type: ignore[attr-defined]
        context = {"title": title[:1].upper() + title[1:], **(extra_context or {})}
        answer: HttpResponse = shown.changelist_view(request, context)
        return answer
