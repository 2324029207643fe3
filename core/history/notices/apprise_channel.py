"""Everything else, by `apprise`, where a setting asks for it: in a process of its own, which ends when time is over.

It knows no total time limit, follows redirects and reaches any address, so it is off unless
TELEMETRY_NOTICE_APPRISE=1, and only administrators say where it sends.
"""

import json
import subprocess
import sys

from django.conf import settings

from core.history.notices.addresses import SendRefused
from core.history.notices.post import DeliveryUnknown, NotSent
from core.history.notices.texts import NoticeMessage

OFF = "channels by apprise are off on this site: TELEMETRY_NOTICE_APPRISE"
MISSING = "apprise is not installed"
NO_ADDRESS = "apprise knows no such address"
SENDING = """
import json, sys
try:
    import apprise
except ImportError:
    sys.exit(3)
said = json.load(sys.stdin)
sender = apprise.Apprise()
if not sender.add(said["url"]):
    sys.exit(4)
sys.exit(0 if sender.notify(title=said["title"], body=said["body"], body_format="text") else 5)
"""


def send_by_apprise(url: str, message: NoticeMessage, seconds: float) -> None:
    """Send it. SendRefused where it is off or not installed; NotSent; DeliveryUnknown after `seconds`."""
    if not settings.TELEMETRY_NOTICE_APPRISE:
        raise SendRefused(OFF)
    said = json.dumps({"url": url, "title": message.subject, "body": message.text})
    command = [sys.executable, "-I", "-c", SENDING]
    try:
        # What it prints may name the address, which is a secret.
        code = subprocess.run(command, input=said.encode(), capture_output=True, timeout=seconds).returncode
    except subprocess.TimeoutExpired as error:
        raise DeliveryUnknown("apprise did not end in time") from error
    if code in (3, 4):
        raise SendRefused(MISSING if code == 3 else NO_ADDRESS)
    if code:
        raise NotSent("apprise says that it was not taken")
