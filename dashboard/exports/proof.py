"""The record as JSON Lines: each entry with its hash, so that anybody can check it anywhere. Sent while it is read."""

from collections.abc import Mapping

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from core.history.audit import entries
from core.history.proof import json_lines
from dashboard.display.sending import in_pieces

CHOICE = ("from", "to", "kind", "agent")


def sent(request: HttpRequest, said: Mapping[str, str]) -> StreamingHttpResponse:
    """What is chosen of it; `to` is not among it. That it was taken away is recorded first.

    ValueError, naming the value, for what is no time.
    """
    chosen = {name: said.get(name, "") for name in CHOICE}
    selection = json_lines.Selection.of(*chosen.values())
    with transaction.atomic():
        told = {name: value for name, value in chosen.items() if value}
        entries.append([entries.new_fact("record.exported", request.user.get_username(), chosen=told)])
    name = f"audit-{timezone.now():%Y-%m-%dT%H%M%SZ}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = in_pieces(json_lines.pieces(selection), request)
    return StreamingHttpResponse(pieces, content_type="application/x-ndjson", headers=headers)
