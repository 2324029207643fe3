"""An approval of other arguments: the form, the change as it will be approved, and the answer."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.approvals.deciding import MAX_REASON_LENGTH
from core.history.approvals.answers import edits
from core.history.approvals.policy import Verdict
from core.store.approvals import RequestRecord
from core.values.approvals import EDITED, PENDING
from core.values.json import loads_strictly
from core.values.secrets import masked_json
from dashboard import access
from dashboard.approvals import views, words

NOTHING = "null"  # is no change that can be approved, whatever is asked


@dataclass(frozen=True)
class EditLine:
    """One value that is changed, as a reader sees it: secrets stay hidden."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class EditForm:
    """What the form shows of a request, with what somebody wrote so far."""

    request: RequestRecord
    verdict: Verdict
    text: str
    barred: str = ""
    problem: str = ""
    changes: tuple[EditLine, ...] = ()
    mark: str = ""
    most: int = MAX_REASON_LENGTH


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.viewer_required
def edit(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The form; what it would change; and, where that is what was shown before, the answer."""
    approval = access.approval_or_404(request.user, str(request_id))
    if approval.live is None or approval.live.status != PENDING or approval.live.deadline_at <= approval.now:
        return render(request, "dashboard/approvals/edit.html", {"over": True, "request_id": str(request_id)})
    verdict, said = access.powers(request.user).verdict(approval.live), request.POST
    if "save" in said and not verdict.allowed:  # refused as every other answer of theirs, and recorded
        return views.answer(request, str(request_id), approved=True, edited=NOTHING)
    masked = loads_strictly(masked_json(approval.live.context.decode()).text)
    text = (
        said.get("wanted", "")
        if request.method == "POST"
        else json.dumps(masked, indent=2, ensure_ascii=False)
    )
    editing, wanted = _looked_at(approval.live, verdict, masked, text, changed=request.method == "POST")
    if wanted and "save" in said and said.get("seen") == editing.mark:
        return views.answer(request, str(request_id), approved=True, edited=wanted)
    shown = {
        "editing": editing,
        "request_id": str(request_id),
        "reason": said.get(f"reason-{request_id}", ""),
    }
    return render(request, "dashboard/approvals/edit.html", shown)


def _looked_at(
    live: RequestRecord, verdict: Verdict, masked: Any, text: str, *, changed: bool
) -> tuple[EditForm, str]:
    """The form as it stands, and what would be approved, as JSON: '' where that cannot be."""
    barred = _barred(live, verdict)
    if barred or not changed:
        return EditForm(live, verdict, text, barred), ""
    try:
        wanted = edits.unmasked(live.context_object, masked, edits.parsed(text))
        stored = edits.checked(verdict, live, EDITED, json.dumps(wanted), "")
    except ValueError as error:
        return EditForm(live, verdict, text, problem=words.NOT_CHANGED.format(why=error)), ""
    hidden = loads_strictly(masked_json(stored).text)
    lines = _lines(live.context_object, wanted, masked, hidden)
    mark = hashlib.sha256(f"{live.digest}\n{stored}".encode()).hexdigest()
    return EditForm(live, verdict, text, changes=lines, mark=mark), stored


def _lines(asked: Any, wanted: Any, masked: Any, hidden: Any) -> tuple[EditLine, ...]:
    shown = []
    for change in edits.differences(asked, wanted):
        before, after = (json.dumps(_at(tree, change.path)) for tree in (masked, hidden))
        shown.append(EditLine(change.name, before, after))
    return tuple(shown)


def _at(tree: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path; a secret may be hidden with all that is below it."""
    for part in path:
        if not isinstance(tree, (dict, list)):
            return tree
        tree = tree[part]  # type: ignore[index]  # a list has numbers, an object names
    return tree


def _barred(live: RequestRecord, verdict: Verdict) -> str:
    """Why this person cannot edit it; '' where they can."""
    if not verdict.allowed:
        return verdict.why
    if EDITED not in live.understands:
        return words.AGENT_TAKES_NO_EDIT
    return "" if verdict.edits else words.KIND_TAKES_NO_EDIT


@require_POST
@login_required
def ask_back(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say no with a question, which the agent hears as one."""
    return views.answer(request, str(request_id), approved=False, asks_back=True)
