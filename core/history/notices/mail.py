"""Notices by mail, by Django's settings of mail."""

import smtplib
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from core.history.notices.addresses import SendRefused, within
from core.history.notices.post import DeliveryUnknown, NotSent, watched
from core.history.notices.texts import NoticeMessage

ANSWERED = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)  # the server has said no


def mail(to: str, message: NoticeMessage, seconds: float) -> None:
    """Send it to one address. SendRefused where there is no address or no server; NotSent, DeliveryUnknown."""
    if not settings.EMAIL_HOST:
        raise SendRefused("this site has no mail server: EMAIL_HOST is not set")
    if not to:
        raise SendRefused("this person has no mail address: an administrator enters it under “Users”")
    if not to.isprintable() or " " in to:
        raise SendRefused("this person's mail address is none: an administrator corrects it under “Users”")
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    headers = {"Message-ID": f"<{message.message_id}@{host}>", "Auto-Submitted": "auto-generated"}
    written = EmailMessage(message.subject, message.text, to=[to], headers=headers)
    connection: Any = get_connection(timeout=seconds)
    try:
        within(seconds, connection.open)  # a greeting may come a byte at a time, each in time
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"the mail server does not take it: {type(error).__name__}") from error
    _send(connection, written, seconds)


def _send(connection: Any, written: EmailMessage, seconds: float) -> None:
    """Within `seconds`, however slowly the server speaks: then the connection breaks."""
    smtp = getattr(connection, "connection", None)
    try:
        with watched(getattr(smtp, "sock", None), time.monotonic() + seconds):
            connection.send_messages([written])
    except ANSWERED as error:
        raise NotSent(f"the mail server does not take it: {type(error).__name__}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryUnknown(f"the mail was being sent, and then: {type(error).__name__}") from error
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()
