"""Who may see and do what. Views and sockets ask here, and nowhere else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare

from core.agents.glance import Glance, glance
from core.agents.heartbeat import AgentState
from core.errors import MalformedRecord
from core.history.approvals.answers import holds
from core.history.approvals.policy import PolicySubject, Powers, Verdict, powers_of
from core.history.callbacks.deliveries import with_callback
from core.history.notices.delivery_status import with_told
from core.history.people import session_store
from core.history.people.rights import DECIDE, VIEW
from core.history.people.tokens import MAKE
from core.models import ApprovalRecord
from core.store.approvals import RequestRecord, read_request
from core.store.client import open_store
from core.values.approvals import PENDING
from dashboard import words

HEALTH = "core.view_health"
RETRY = "core.retry_setasideentry"
READ_RECORD = "core.view_auditentry"
SET_POLICY = "core.change_approvaltype"


View = Callable[..., HttpResponseBase]


def powers(user: Any) -> Powers:
    """What this user may decide; read once for each user object, which is one for each page."""
    if not hasattr(user, "_powers"):
        user._powers = powers_of(user)
    found: Powers = user._powers
    return found


def may_view(user: Any) -> bool:
    """Whether this user may see agents and approvals."""
    return bool(user.is_active and powers(user) and user.has_perm(VIEW))


def may_put_away(user: Any) -> bool:
    """Whether this user may take agents that failed or are lost off the lists: who decides, or maintains the site."""
    return bool(may_view(user) and (user.has_perm(DECIDE) or user.has_perm(RETRY)))


def may_send_again(user: Any) -> bool:
    """Whether this user may have an agent told anew how its request ended: who decides, or maintains the site."""
    return bool(may_view(user) and (powers(user).decides or user.has_perm(RETRY)))


def may_revoke(user: Any) -> bool:
    """Whether this user may stop a rule: who decides, or sets who does."""
    return bool(may_view(user) and (powers(user).decides or user.has_perm(SET_POLICY)))


def may_hand_over(user: Any) -> bool:
    """Whether this user may ask others to answer a request: who decides on any."""
    return bool(may_view(user) and powers(user).decides)


def may_connect(user: Any) -> bool:
    """Whether this user may make tokens: for any agent as an administrator, else for agents that are theirs."""
    return bool(may_view(user) and (user.has_perm(MAKE) or powers(user).owned))


def may_connect_any(user: Any) -> bool:
    """Whether this user may make tokens for any agent, also for one that was heard without a token."""
    return bool(may_view(user) and user.has_perm(MAKE))


def may_see_health(user: Any) -> bool:
    """Whether this user may see how the site itself is doing."""
    return bool(user.is_active and user.has_perm(HEALTH))


def may_retry(user: Any) -> bool:
    """Whether this user may record set aside changes again."""
    return bool(may_see_health(user) and user.has_perm(RETRY))


def may_export(user: Any) -> bool:
    """Whether this user may take the record away as a file."""
    return bool(user.is_active and user.has_perm(READ_RECORD))


def _required(may: Callable[[Any], bool], otherwise: str) -> Callable[[View], View]:
    """Strangers sign in first; people without the right get 403 with a sentence."""

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may(request.user):
                raise PermissionDenied(otherwise)
            return view(request, *args, **kwargs)

        return checked

    return decorate


def may_reveal(user: Any) -> bool:
    """Whether this user may see the secrets in what agents ask: who decides on it, or reads the record."""
    return bool(may_view(user) and (user.has_perm(DECIDE) or user.has_perm(READ_RECORD)))


viewer_required = _required(may_view, words.NOT_VIEWER)
put_away_required = _required(may_put_away, words.NO_PUTTING_AWAY)
send_again_required = _required(may_send_again, words.NO_SENDING_AGAIN)
revoke_required = _required(may_revoke, words.NO_REVOKING)
health_required = _required(may_see_health, words.NO_HEALTH)
retry_required = _required(may_retry, words.NO_RETRY)
reveal_required = _required(may_reveal, words.NO_SECRETS)
export_required = _required(may_export, words.NOT_AUDITOR)


@dataclass(frozen=True)
class Audience:
    """What somebody sees of a page that others look at too: who are of one audience get the same text.

    Made here from a user and asked by templates; sockets carry it, and what is rendered is kept by it.
    """

    powers: Powers
    sets_policy: bool = False  # so a page offers the way to grants
    _found: dict[tuple[str, str], Verdict] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, user: Any) -> "Audience | None":
        """The audience that this user belongs to; None for somebody who sees nothing."""
        if not may_view(user):
            return None
        return cls(powers(user), bool(user.is_staff and user.has_perm(SET_POLICY)))

    def verdict(self, request: PolicySubject) -> Verdict:
        """Whether they may answer a request; what is rendered of one is the same for all of one verdict."""
        about = (request.approval_type, request.agent_id)  # all that policy looks at, and often the same
        if about not in self._found:
            self._found[about] = self.powers.verdict(request)
        return self._found[about]


@dataclass(frozen=True)
class Approval:
    """A request as Redis holds it and as SQL remembers it, one of them at least, and Redis's time.

    `glance`: at the agent that asked, while it waits for an answer. `rights`: the version of rights, '' where unknown.
    `listened_at`: when a call over HTTP last waited for it, if one did.
    """

    live: RequestRecord | None
    kept: ApprovalRecord | None
    now: datetime
    glance: Glance | None = None
    rights: str = ""
    listened_at: datetime | None = None

    @property
    def known(self) -> RequestRecord | ApprovalRecord:
        """The request by Redis, else by SQL."""
        known = self.live or self.kept
        assert known is not None  # nobody makes one of nothing
        return known

    @property
    def asker(self) -> AgentState | None:
        """The last state of the agent that asked, while it waits."""
        return None if self.glance is None else self.glance.state


def approval_or_404(user: Any, request_id: str) -> Approval:
    """The request, when this user may see it and anybody knows it. StoreUnavailable when Redis is away."""
    approval = read_approval(request_id) if may_view(user) else None
    if approval is None:
        raise Http404(words.NO_REQUEST)
    return approval


def read_approval(request_id: str) -> Approval | None:
    """The request for whoever was let in before; None when nobody knows it."""
    store = open_store()
    found = read_request(store, request_id)
    live = None if isinstance(found.record, MalformedRecord) else found.record
    waits = live is not None and live.status == PENDING
    seen = glance(store, live.agent_id) if live is not None and waits else None
    rows = holds.with_holding(ApprovalRecord.objects.filter(pk=request_id))
    kept = with_callback(with_told(rows)).first()
    if live is None and kept is None:
        return None
    return Approval(live, kept, found.now, seen, found.rights, found.listened_at)


def users_of_sessions(session_keys: Iterable[str]) -> dict[str, Any]:
    """The signed-in user of each session that is still good: not ended, expired, idle, or of a changed password."""
    keys = {session_store.stored(key): key for key in session_keys}
    decoded = {keys[row.pk]: row.get_decoded() for row in session_store.active_sessions().filter(pk__in=keys)}
    users = get_user_model().objects.in_bulk(
        {data[SESSION_KEY] for data in decoded.values() if SESSION_KEY in data}
    )
    by_key = {str(key): user for key, user in users.items()}
    good = {}
    for session_key, data in decoded.items():
        user: Any = by_key.get(str(data.get(SESSION_KEY, "")))
        if user and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            good[session_key] = user
    return good
