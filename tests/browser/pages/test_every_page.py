"""Every page that an address leads to is accessible: both themes, a small screen and a large one.

The pages are taken from the addresses themselves, so a new one is looked at without anybody thinking of it.
"""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from core import ApprovalGate, CoordinationSignals, EventStreamer, HeartbeatCoordinator
from core.history.approvals.comments import comment
from core.models import ApprovalRecord, AuditCheck, Export, Rule, SetAsideEntry
from tests.browser.test_what_people_see import nothing_is_on_its_way
from tests.dashboard.usage.usage_rows import a_call, keep
from tests.waiting import wait_until

CONTEXT = {
    "payment": {"amount": 2070.32, "to": "Nordlicht Möbel GmbH"},
    "argv": ["git", "push", "--force"],
    "command": "rm -rf /tmp/x # gone\nexport A=1",
    "query": "UPDATE account SET role = 'admin' WHERE id = 7 -- one",
    "patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new",
    "body": '{"a": [1, true, null]}',
    "script": "\n".join(f"line {n}" for n in range(400)),
    "password": "hunter2222",
    "hostile": "pay\u202epal <script>alert(1)</script>",
}
# Widgets that scripts of Django's admin make: nothing of ours can name them.
OF_DJANGO = (
    'aria-prohibited-attr: <span class="help-tooltip',
    'aria-input-field-name: <span class="select2-selection',
)
QUERIES = ("/agents/?id=deployer", "/record/?q=2070.32", "/usage/?by=agent", "/nothing-here/")


def patterns(found: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address below, as its parts are written."""
    for one in found:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, before + str(one.pattern))
        else:
            yield before + str(one.pattern), one


def fill(url: str, user: User) -> dict[str, str]:
    """Something on every page; what stands for the places in addresses."""
    for agent in ("deployer", "other"):
        coordinator = HeartbeatCoordinator(url)
        coordinator.start_heartbeat(agent)
        coordinator.beat("running", 0.4, "rolling out")
    CoordinationSignals(url, agent_id="boss").signal("hurry", target_agent="deployer", payload={"a": 1})
    EventStreamer(url).publish_event("deploy_started", {"service": "checkout"}, source="deployer")
    gate = ApprovalGate(url, "deployer")
    ended = gate.open_request("pay", {**CONTEXT, "payment": {"amount": 1}, "old": [1]})
    gate.respond_to_approval(ended.request_id, True, "tom", "fine")
    asked = gate.open_request("pay", CONTEXT, timeout=3_600)
    wait_until(lambda: ApprovalRecord.objects.count() == 2, "both are recorded")
    comment(asked.request_id, "deployer", "tom", "Is that the right account?")
    keep(a_call(f"call {n}", timezone.now() - timedelta(hours=n), agent_id="deployer") for n in range(30))
    now = timezone.now()
    rule = Rule.objects.create(
        owner=user, approved=False, approval_type="pay", agent="deployer", reason="never", request_id=asked.request_id,
        created_at=now, expires_at=now + timedelta(days=1), most_uses=3,
    )  # fmt: skip
    export = Export.objects.create(export_id=uuid.uuid4(), user=user, kind="audit", requested_at=now)
    AuditCheck.objects.update_or_create(
        pk=1, defaults={"at": now, "entries": 9, "problems": 1, "first_problem": "entry #9 was changed " * 9}
    )
    SetAsideEntry.objects.create(installation="i", position="1-1", fields="{}", error="no type")
    return {"request_id": asked.request_id, "number": str(rule.pk), "export_id": str(export.pk)}


def address(route: str, pattern: URLPattern, known: dict[str, str]) -> str | None:
    """An address of this pattern; None where what it names is not there."""
    path = "/" + route.replace("\\Z", "").removeprefix("^")
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        if name not in known:
            return None
        path = path.replace(f"<{kind}:{name}>", known[name])
    return None if any(sign in path for sign in "<>()^$") else path


def pages(browser: BrowserContext, known: dict[str, str]) -> list[str]:
    """The addresses that a person reads as a page."""
    found = []
    for route, pattern in patterns(get_resolver().url_patterns):
        path = address(route, pattern, known)
        if path is None or path in found:
            continue
        response = browser.request.get(path, max_redirects=0)
        if response.status == 200 and response.headers["content-type"].startswith("text/html"):
            found.append(path)
    return found


# Each theme and each width; with WHOLE_SCALE=1 each with each.
SCREENS = [("light", 1440), ("dark", 360)]
if "WHOLE_SCALE" in os.environ:
    SCREENS += [("light", 360), ("dark", 1440)]


@pytest.mark.long
@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_every_page_is_accessible(sign_in, clean_redis, make_user, width, scheme):
    user = make_user("root", "approver", "maintainer", is_superuser=True, is_staff=True)
    page = sign_in("root", color_scheme=scheme, viewport={"width": width, "height": 844})
    known = fill(clean_redis, user)
    found = [*pages(page.context, known), *QUERIES]
    assert len(found) > 40
    assert {
        "/",
        f"/approvals/{known['request_id']}/",
        "/record/",
        "/admin/",
        "/account/",
    } <= set(found)
    wrong = [f"{path}: {what}" for path in found for what in findings(page, path)]
    assert wrong == [], "\n".join(wrong)


def findings(page: Page, path: str) -> list[str]:
    """What is wrong with a page: each rule, and the first place where it is broken."""
    page.goto(path)
    if page.locator("#socket").count():
        page.wait_for_selector("[data-connection=live]")
    nothing_is_on_its_way(page)
    broken = Axe().run(page).response["violations"]
    wide = wider_than_the_screen(page)
    found = [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in broken]
    found = [one for one in found if not (path.startswith("/admin/") and one.startswith(OF_DJANGO))]
    return [
        *found,
        *([f"wider than a screen of {wide} pixels"] if wide and not path.startswith("/admin/") else []),
    ]


def wider_than_the_screen(page: Page) -> list[int]:
    """The widths at which it scrolls sideways: of its own, 640 and 720, as twice as large letters make them."""
    own, found = page.viewport_size, []
    for width in dict.fromkeys((own["width"], 640, 720)):
        page.set_viewport_size({**own, "width": width})
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(width)
    page.set_viewport_size(own)
    return found
