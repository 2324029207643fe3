"""Tabs of the browser that one test after the other uses: a new one costs more than what most tests do in it."""

from typing import Any

from django.templatetags.static import static
from playwright.sync_api import Browser, Page, ViewportSize

from tests.waiting import PATIENCE

USUAL_SIZE: ViewportSize = {"width": 1280, "height": 720}
COUNT_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(event.violatedDirective + ' ' + event.blockedURI);
});
"""


class Tab:
    """A page in a context of its own, watched for what no page of ours may do.

    `errors`: what a script threw, a dialog that opened, a request to elsewhere.
    """

    def __init__(self, browser: Browser, site: str, **options: Any) -> None:
        self._ours = (site, site.replace("127.0.0.1", "localhost"), "data:", "blob:")
        self.errors: list[str] = []
        self.context = browser.new_context(base_url=site, **options)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.add_init_script(COUNT_VIOLATIONS)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.context.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        self.context.on("request", lambda request: self._look_at(request.url))
        self.page = self.context.new_page()

    def begin(self, viewport: ViewportSize | None, color_scheme: Any) -> Page:
        """Its page, as if it were new."""
        self.page.set_viewport_size(viewport or USUAL_SIZE)
        self.page.emulate_media(color_scheme=color_scheme)
        self.page.mouse.move(0, 0)
        return self.page

    def end(self) -> list[str]:
        """What went wrong in it; nothing that a person or a test left there stays."""
        for page in self.context.pages:
            if page.url.startswith(self._ours[:2]):
                self.errors += page.evaluate("window.violations ?? []")
                page.evaluate("sessionStorage.clear(); localStorage.clear()")
            if page != self.page:
                page.close()
        self.page.unroute_all()
        self.context.set_offline(False)
        self.page.goto(
            static("dashboard/icon.svg")
        )  # of the same site, so its process stays for the next test
        self.context.clear_cookies()
        errors, self.errors[:] = self.errors[:], []
        return errors

    def _look_at(self, address: str) -> None:
        if not address.startswith(self._ours):
            self.errors.append(f"a request to {address}")
