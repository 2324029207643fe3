"""One way to send for every kind of channel, and how channels are made."""

from django.conf import settings

from core.history.notices.addresses import SendRefused, parsed
from core.history.notices.apprise_channel import send_by_apprise
from core.history.notices.mail import mail
from core.history.notices.post import post
from core.history.notices.sealing import UnreadableSeal, seal, unseal
from core.history.notices.shapes import SHAPES
from core.history.notices.texts import NoticeMessage
from core.models import NoticeChannel

Kind = NoticeChannel.Kind

DISABLED = "an administrator has switched this channel off"
NO_SECRET = "a signed webhook needs a secret of at least 16 characters"
NO_TOPIC = "an address of ntfy ends with the name of a topic"
LEAST_SECRET = 16


def send(channel: NoticeChannel, to: str, message: NoticeMessage) -> None:
    """Send a message; `to`: the mail address of whom it is for. SendRefused, NotSent, DeliveryUnknown."""
    if not channel.is_enabled:
        raise SendRefused(DISABLED)
    seconds = float(settings.TELEMETRY_NOTICE_SECONDS)
    if channel.kind == Kind.MAIL:
        mail(to, message, seconds)
        return
    try:
        url, secret = unseal(channel.sealed_address), unseal(channel.sealed_secret)
    except UnreadableSeal as error:
        raise SendRefused(str(error)) from error
    if channel.kind == Kind.APPRISE:
        send_by_apprise(url, message, seconds)
        return
    call = SHAPES[channel.kind](url, secret, message)
    post(call.url, call.body, call.headers, seconds)


def is_personal(channel: NoticeChannel) -> bool:
    """Whether each person has a message of their own; what many share gets one."""
    return channel.kind == Kind.MAIL


def set_address(channel: NoticeChannel, address: str, secret: str) -> None:
    """Give a channel what it is called with. SendRefused, as a sentence, for what its kind cannot use."""
    if channel.kind == Kind.MAIL:
        channel.sealed_address = channel.sealed_secret = channel.host = ""
        return
    if channel.kind == Kind.APPRISE:
        channel.host = address.partition("://")[0][:20]
    else:
        parts = parsed(address)
        channel.host = parts.hostname or ""
        if channel.kind == Kind.NTFY and not parts.path.strip("/"):
            raise SendRefused(NO_TOPIC)
    if channel.kind == Kind.WEBHOOK and len(secret) < LEAST_SECRET:
        raise SendRefused(NO_SECRET)
    channel.sealed_address, channel.sealed_secret = seal(address), seal(secret)
