"""The inbox as an operator lives it: list, request and answer bar, groups, keys, and nothing that moves."""

from core import ApprovalGate


def test_smoke(sign_in, clean_redis):
    gate = ApprovalGate(clean_redis, "crm")
    for n in range(12):
        gate.open_request(
            "update_contact",
            {"contact": f"C{n}", "field": "phone" if n else "role", "new": str(n)},
            timeout=600 + n,
        )
    for n in range(3):
        ApprovalGate(clean_redis, "payments").open_request(
            "send_money", {"amount": 12.5 + n, "to": "ACME", "note": ["a", {"b": n}]}, timeout=100 + n
        )
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    page.on("console", lambda m: print("CONSOLE", m.text))
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/1.png")
    page.locator(".line", has_text="role").click()
    page.wait_for_timeout(1200)
    page.screenshot(path="/tmp/inbox/1b.png")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/2.png")
    page.locator(".line", has_text="11 ×").click(timeout=5000)
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/3.png")
    page.keyboard.press("Shift+A")
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/4.png")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2500)
    page.screenshot(path="/tmp/inbox/5.png")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/6.png")
    page.locator(".line a").first.click()
    page.wait_for_timeout(1500)
    page.screenshot(path="/tmp/inbox/7.png")
