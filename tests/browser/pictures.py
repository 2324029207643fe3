"""Makes the pictures of the documents anew: `make screenshots`, while `make demo` runs and its agents have asked.

By the environment variable `DEMO` another address than http://localhost:8000; by `PICTURES` another folder than docs.
"""

import os
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = {"live-page": "/"}  # the name of the picture, and what is on it
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZE = {"width": 1440, "height": 1000}
ASKED = 4  # and more: demo agents ask within half a minute, and some give up after two


def main() -> None:
    """Sign in as the demo's operator, wait until agents have asked, and keep what is on the screen."""
    folder = Path(os.environ.get("PICTURES", ROOT / "docs"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=os.environ.get("DEMO", "http://localhost:8000"), viewport=SIZE)
        sign_in(page)
        expect(page.locator("#lines .line").nth(ASKED - 1)).to_be_visible(timeout=60_000)
        for name, address in PAGES.items():
            page.goto(address)
            page.wait_for_selector("[data-connection=live]")
            page.wait_for_selector("#pane [data-decide]")
            page.wait_for_timeout(1_000)  # until buttons rest
            page.screenshot(path=folder / f"{name}.png")
            print(folder / f"{name}.png")
        browser.close()


def sign_in(page: Page) -> None:
    password = (Path(os.environ.get("TELEMETRY_DATA_DIR", ROOT / "var")) / "password-of-operator").read_text()
    page.goto("/")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(password.strip())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_selector("#queue-head")


if __name__ == "__main__":
    main()
