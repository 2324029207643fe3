"""A hundred texts that want to become more than text, and two hundred that hide: every page, the admin among them."""

import os
import unicodedata
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from core import ApprovalGate, EventStreamer, HeartbeatCoordinator
from core.errors import TelemetryError
from core.models import AgentRun, ApprovalRecord, AuditEntry
from core.values.text import is_unsafe
from tests.dashboard.agents.test_agent_text import hiding_in
from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP
from tests.waiting import wait_until

HANDLERS = ["animationstart", "blur", "click", "copy", "cut", "drag", "focusin", "input", "keydown", "load"]
HANDLERS += ["message", "mouseenter", "pageshow", "pointerover", "scroll", "toggle", "transitionend", "wheel"]
MORE_MARKUP = [
    *(f"<b id=location tabindex=1 autofocus on{name}=alert(1)>x</b>" for name in HANDLERS),
    *(
        f'"/><{tag} src=//evil.example/x onload=alert(1)>'
        for tag in ("iframe", "embed", "script", "img", "video")
    ),
    *(
        f"<a href='{scheme}alert(1)'>x</a>"
        for scheme in ("JaVaScRiPt:", "java\tscript:", "vbscript:", "data:,")
    ),
    *(f"<form id={name}><input name=attributes>" for name in ("decide", "main", "socket", "notices", "live")),
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<input type=image src=//evil.example/x onerror=alert(1)>",
    "<x style='behavior:url(//evil.example/x.htc)'>",
    "\\x3cscript\\x3ealert(1)\\x3c/script\\x3e",
    "'-alert(1)-'",
]
EACH = 1 if "WHOLE_SCALE" in os.environ else 4
XSS = [*MARKUP, *MORE_MARKUP]
UNSEEN = [
    chr(code)
    for code in range(0x20, 0x30000)
    if is_unsafe(chr(code)) and unicodedata.category(chr(code)) != "Cs"
]
UNICODE = [*HIDDEN.values(), *CONTROL.values(), *(f"pay{c}pal {c}" for c in UNSEEN[:: len(UNSEEN) // 190])]
MADE = (
    "main :is(iframe, embed, object, base, style, video, animate), main svg:not([viewBox='0 -4 1000 108']),"
    " main script:not([src*='/static/']),"
    " main img:is([src*=evil], [src=x]), main a:is([href^='//'], [href^=http], [href*='script:'], [href^=data]),"
    " [onload], [onerror], [onclick], [onfocus], main [autofocus]:not(#searchbar)"
)


def say(url: str, text: str) -> None:
    """One agent that has the text wherever it may, and asks twice."""
    name = text if all(unicodedata.category(c) not in ("Cc", "Cs") for c in text) else f"x{abs(hash(text))}"
    gate, coordinator = ApprovalGate(url, name), HeartbeatCoordinator(url)
    gate.open_request(name, {text: [text, {"deep": text}]})
    gate.respond_to_approval(gate.open_request(name, {"a": text}).request_id, False, name, text)
    coordinator.start_heartbeat(name, {text[:50]: text}, name)
    with suppress(ValueError, TelemetryError):
        coordinator.beat(name, 0.5, text)
    with suppress(ValueError, TelemetryError):
        EventStreamer(url).publish_event(name, {text: text}, source=name)
    coordinator.stop_heartbeat("failed")


def look_at(page: Page, address: str) -> None:
    assert page.goto(address).status == 200, address
    assert page.locator(MADE).count() == 0, address
    shown = page.evaluate("document.title + document.body.innerText")
    assert not hiding_in(shown) - {"\xa0"}, address
    assert page.evaluate("window.violations") == [], address


def addresses(texts: list[str]) -> list[str]:
    """Lists have every text; of what has a page of its own each fourth, with WHOLE_SCALE=1 all."""
    rows = ApprovalRecord.objects.filter(status="pending").order_by("requested_at")
    own = [f"/approvals/{row.pk}/" for row in rows][::EACH]
    lists = ["approvalrecord", "auditentry", "agentrun", "decisionintent", "setasideentry"]
    admin = [f"/admin/core/{name}/?p={part}" for name in lists[:3] for part in range(1, len(texts) // 50)]
    one = {"approvalrecord": ApprovalRecord, "auditentry": AuditEntry, "agentrun": AgentRun}
    change = [
        f"/admin/core/{name}/{row.pk}/change/"
        for name, model in one.items()
        for row in model.objects.all()[: len(texts) // EACH if model is ApprovalRecord else 15]
    ]
    agents = AgentRun.objects.order_by("agent_id").values_list("agent_id", flat=True).distinct()
    change += [f"/agents/?{urlencode({'id': name})}" for name in agents[::EACH]]
    pages = ["/", "/agents/", "/record/", "/record/?q=alert", "/usage/", "/health/", "/exports/", "/admin/"]
    parts = [f"/?page={part}" for part in range(1, 1 + len(texts) // 50)]
    return [*pages, *parts, *own, *(f"/admin/core/{name}/" for name in lists), *admin, *change]


@pytest.mark.long
@pytest.mark.parametrize(("texts", "least"), [(XSS, 100), (UNICODE, 200)], ids=["markup", "unicode"])
def test_no_text_of_an_agent_becomes_more_than_text_or_hides_on_any_page(
    sign_in, clean_redis, make_user, texts, least
):
    assert len(set(texts)) >= least
    make_user("root", is_superuser=True, is_staff=True)
    page = sign_in("root")
    for text in texts:
        say(clean_redis, text)
    wait_until(lambda: ApprovalRecord.objects.count() >= 2 * len(texts), "all of it is recorded")
    expect(page.locator("#lines .line").first).to_be_visible()
    for address in addresses(texts):
        look_at(page, address)
    for kind, body in files(page):
        look_at_file(page, kind, body)


def files(page: Page) -> list[tuple[str, bytes]]:
    """What may be taken away, as it comes: type and bytes. None of it comes as a page."""
    page.goto("/record/")
    token = page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    form = {"csrfmiddlewaretoken": token, "q": ""}
    answers = [
        page.request.get("/usage/calls.csv"),
        page.request.get("/usage/calls.json"),
        page.request.post("/admin/core/auditentry/export/", form=form, headers={"Referer": page.url}),
        page.request.post("/record/export/", form=form, headers={"Referer": page.url}),
    ]
    found = []
    for answer in answers:
        assert answer.status == 200, answer.url
        assert answer.headers["content-disposition"].startswith("attachment"), answer.url
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        found.append((answer.headers["content-type"], answer.body()))
    assert sum(len(body) for _kind, body in found) > 20_000
    return found


def look_at_file(page: Page, kind: str, body: bytes) -> None:
    """Somebody opens it in the browser all the same, without what says that it is a file."""
    assert "html" not in kind
    shown = (
        kind if kind == "application/json" else "text/plain; charset=utf-8"
    )  # others are downloaded anyway
    page.route("**/opened-file", lambda route: route.fulfill(body=body, content_type=shown))
    page.goto("/opened-file")
    assert page.locator("script, iframe, img, svg, form, a").count() == 0, kind
    assert not hiding_in(body.decode()) - {"\xa0", "\r"} or "json" in kind, kind
    page.unroute("**/opened-file")
