"""A hundred texts that want to become more than text, and two hundred that hide: every page, the admin among them."""

import os
import unicodedata
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlencode

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Page, expect

from core import ApprovalGate, EventStreamer, HeartbeatCoordinator
from core.api.elicitation import Form
from core.errors import TelemetryError
from core.history.agents import devices
from core.history.approvals import comments, decisions, rules
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.models import (
    AgentRun,
    ApprovalRecord,
    AuditEntry,
    DenyPreset,
    DeviceCode,
    HandOver,
    LLMCall,
    Rule,
    Team,
)
from core.usage_tracker import UsageTracker
from core.values.text import is_unsafe
from tests.api.otlp.exports import logs
from tests.api.otlp.test_calls import CLAUDE
from tests.dashboard.agents.test_agent_text import hiding_in
from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP
from tests.waiting import PATIENCE, wait_until

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
HOOK, KEY, ACCEPT = "/api/v1/hooks/claude-code", "Idempotency-Key", "application/json, text/event-stream"
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
    " main script:not([src*='/static/'], [id$='-data'][type='application/json']),"
    " main img:is([src*=evil], [src=x]), main a:is([href^='//'], [href^=http], [href*='script:'], [href^=data]),"
    " [onload], [onerror], [onclick], [onfocus], main [autofocus]:not(#searchbar, #to, #code)"
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
    look(page, address)


def look(page: Page, address: str) -> None:
    made = page.locator(MADE).evaluate_all("found => found.map(one => one.outerHTML.slice(0, 300))")
    assert made == [], address
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


class Newcomers:
    """Doors other than those of Python, each with the text in every field that it takes, and people who write it too.

    What a door refuses stays out: that is right as well.
    """

    def __init__(self, site: str, redis: str, root: User, approver: User) -> None:
        self.gate, self.root, self.approver = ApprovalGate(redis, "an agent"), root, approver
        self.http, self.aap = (
            self._client("agent", tokens.SCOPES, site),
            self._client("fleet ", ("provision",), site),
        )
        self.tokens, self.taken = 2, Counter()

    def _client(self, name: str, scopes: tuple[str, ...], site: str) -> httpx.Client:
        wanted = TokenSpec(f"of {name}", name, name.endswith(" "), scopes, 30)
        headers = {"Authorization": f"Bearer {tokens.make(self.root, wanted)[1]}", "Accept": ACCEPT}
        return httpx.Client(base_url=site, headers=headers, timeout=PATIENCE)

    def post(
        self, what: str, address: str, body: dict, client: httpx.Client | None = None, **headers: str
    ) -> dict:
        """What was answered; whether it was taken is counted by what it is."""
        answer = (client or self.http).post(address, json=body, headers=headers)
        assert answer.status_code < 500, (what, body)
        self.taken[what] += answer.status_code < 300
        return answer.json() if answer.status_code < 300 and answer.content[:1] == b"{" else {}

    def say(self, number: int, text: str) -> None:
        """At every door."""
        name, key = named(text), f"key {number}"
        asked = {"question": text, "details": {text: [text]}, "key": key, "wait": 0}
        self.post("mcp", "/mcp", call_of("ask_human", asked))
        self.post("hook", HOOK, {"hook_event_name": "Notification", "session_id": f"s{number}", "message": text,
                                 "tool_name": text, "agent_type": text, "reason": text})  # fmt: skip
        about = {"service": name, "model": name, "session.id": f"s{number}", "tool_name": name}
        self.post("otlp", "/v1/logs", logs(name, {**CLAUDE, **about, "event.sequence": number}))
        self.post("call", "/api/v1/calls", {"workflow": name, "stage": name, "model": name, "provider": name,
                                            "tier": "cheap",
             "tokens": {"input": 1, "output": 1}, "cost": 0.01})  # fmt: skip
        self.post(
            "feedback",
            "/api/v1/feedback",
            {"workflow": name, "stage": name, "tier": "cheap", "quality": 0.5},
        )
        self.post("signal", "/api/v1/signals", {"type": name, "target": name, "payload": {text: text}})
        made = self.post("instance", "/api/aap/v1/instances", {"instance_name": text}, self.aap, **{KEY: key})
        made = made or self.post("nameless", "/api/aap/v1/instances", {}, self.aap, **{KEY: f"{key} again"})
        if made:
            credential = {"Authorization": f"Bearer {made['credential']['token']}", KEY: key}
            self.post("aap", "/api/aap/v1/requests", {"tool": name, "arguments": {text: text}, "timeout": "30m",
                      "agent_reasoning": text, "server": name, "context": {text: text}}, **credential)  # fmt: skip
        with suppress(ValueError):
            tokens.make(self.root, TokenSpec(text, f"{name[:100]}#{number}", False, ("ask",), 30, name[:100]))
            self.taken["token"] += 1
        self._ask_and_answer(text, name)

    def _ask_and_answer(self, text: str, name: str) -> None:
        fields = {text: {"type": "string", "default": text, "description": text, "enum": [text, "other"]}}
        form = Form.of({"session_id": "s", "message": text, "mcp_server_name": text,
                        "requested_schema": {"type": "object", "properties": fields}})  # fmt: skip
        self.gate.open_request(form.name, form.context, understands=("edited", "extended"), key=form.key)
        request = self.gate.open_request(name, form.context, understands=("changes", "edited"))
        DenyPreset.objects.create(approval_type=name, text=text[:120])
        team = Team.objects.create(name=f"{name[:60]}{uuid.uuid4()}")
        HandOver.objects.create(
            request_id=request.request_id, giver=name, team=team, name=name, created_at=timezone.now()
        )
        with suppress(ValueError):
            comments.comment(request.request_id, name, name, text)
        with suppress(ValueError):
            denied = self.gate.open_request(name, {"a": text})
            said = {"approved": False, "reason": text, "digest": denied.digest}
            denial = decisions.decide(self.gate._store, self.approver, denied.request_id, **said)
            rules.stick(self.gate._store, self.approver, denial, denied.digest)
            self.taken["rule"] += 1


TAKEN = ("mcp", "hook", "otlp", "call", "feedback", "signal", "instance", "aap", "token", "rule")


def named(text: str) -> str:
    return text if all(unicodedata.category(c) not in ("Cc", "Cs") for c in text) else f"x{abs(hash(text))}"


def call_of(tool: str, arguments: dict) -> dict:
    """A call of a tool over MCP."""
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


NEWER_ADMIN = (
    "denypreset",
    "team",
    "llmcall",
    "usagehour",
    "rule",
    "approvalrecord",
    "auditentry",
    "decisionintent",
)


def newer_addresses() -> list[str]:
    asked = ApprovalRecord.objects.filter(status="pending").order_by("requested_at")[:: EACH * 4]
    forms = {row: ["", "hand-over/", "edit/"] for row in asked}
    for row in forms:
        forms[row] += ["rule/"] if row.agent_id == "an agent" else []  # the others are of who looks
    own = [f"/approvals/{row.pk}/{form}" for row, found in forms.items() for form in found]
    changed = [
        f"/admin/core/{model._meta.model_name}/{row.pk}/change/"
        for model in (DenyPreset, Team, Rule) for row in model.objects.all()[: 16 // EACH]
    ]  # fmt: skip
    agents = AgentRun.objects.order_by("agent_id").values_list("agent_id", flat=True).distinct()
    change = [f"/agents/?{urlencode({'id': name})}" for name in agents[: 24 // EACH]]
    pages = [
        "/",
        "/agents/",
        "/rules/",
        "/connect/",
        "/record/",
        "/usage/",
        "/usage/calls/",
        "/usage/calls/?page=2",
    ]
    lists = [f"/admin/core/{name}/" for name in NEWER_ADMIN]
    return [*pages, *own, *lists, *changed, *change]


@pytest.mark.long
@pytest.mark.parametrize("texts", [XSS, UNICODE[:: EACH * 2]], ids=["markup", "unicode"])
def test_nor_does_any_that_comes_by_the_newer_doors(
    sign_in, site, clean_redis, make_user, monkeypatch, settings, texts
):
    root, approver = make_user("root", is_superuser=True, is_staff=True), make_user("maria", "approver")
    root.groups.add(Group.objects.get(name="approver"))
    settings.TELEMETRY_REQUESTS_A_MINUTE = settings.TELEMETRY_WAITING_REQUESTS = 10_000
    page, doors = sign_in("root"), Newcomers(site, clean_redis, root, approver)
    with ThreadPoolExecutor(1) as pool:  # beside the loop of the browser
        list(pool.map(doors.say, range(len(texts)), texts))
    # What hides is no name of an instance or a token, which is right: the rest takes it.
    taken = [doors.taken[what] for what in TAKEN if what not in ("instance", "token")]
    assert min(taken) > len(texts) / 3, doors.taken
    asked = [request.approval_type for request in doors.gate.get_pending_approvals()]
    assert min(asked.count("question"), asked.count("Elicitation")) > len(texts) / 3
    UsageTracker.get_instance().flush()
    wait_until(lambda: ApprovalRecord.objects.count() >= 3 * len(texts), "all of it is recorded")
    wait_until(lambda: LLMCall.objects.count() > len(texts) / 2, "so are the calls")
    for address in newer_addresses():
        look_at(page, address)
    monkeypatch.setattr(devices, "OPEN_FROM_ONE", 1000)
    could_be_names = [one for one in texts if named(one) == one]
    for text in could_be_names[:: len(could_be_names) // 8][:8]:  # of one person as many are tried at a time
        code, _secret = devices.begin(text, text, ("ask",), text, "192.0.2.1")
        page.goto("/connect/code/")
        page.get_by_role("textbox", name="Code").fill(code.code)
        page.get_by_role("button", name="Show who asks").click()
        expect(page.locator(".asked")).to_be_visible()
        look(page, f"the code of {text!r}")
        DeviceCode.objects.all().delete()


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
