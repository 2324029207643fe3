"""What django-allauth asks us: nobody signs up, secrets are encrypted, and a demanded second factor stays."""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from dashboard import words
from dashboard.sign_in import demands, freshness
from dashboard.sign_in.account import browser_name
from dashboard.sign_in.words import NOT_THE_PASSWORD, PASSKEY

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by administrators, or for people of the provider."""

    error_messages = {**DefaultAccountAdapter.error_messages, "incorrect_password": NOT_THE_PASSWORD}

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def add_message(self, request: HttpRequest, level: int, *args: Any, **options: Any) -> None:
        """What went wrong alone: what went well is to be seen."""
        if level >= messages.ERROR:
            super().add_message(request, level, *args, **options)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address as the door has it, which believes proxies only where it is told to."""
        return str(request.META.get("REMOTE_ADDR", "")) or "unknown"

    def is_reauthentication_required(self, *, app: str, **_options: Any) -> bool:
        """Unless this person has just shown who they are."""
        return not freshness.is_fresh(context.request)

    def send_notification_mail(self, *args: Any, **options: Any) -> None:
        """None: the record has it."""


class Factors(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors. What is kept in SQL is of no use without SECRET_KEY."""

    def get_totp_issuer(self) -> str:
        """How the app calls this site."""
        return f"{words.SITE} ({context.request.get_host()})"

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """How a new passkey is called, until its owner says otherwise: the browser at hand, and the day."""
        browser = browser_name(context.request.headers.get("User-Agent", ""))
        return f"{browser or PASSKEY}, {timezone.localdate():%Y-%m-%d}"

    def encrypt(self, text: str) -> str:
        """For SQL."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """From SQL. With another SECRET_KEY it is a secret that no code fits: codes are refused."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(hashlib.sha1(encrypted_text.encode()).digest()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not the last one of somebody who must have one."""
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=FACTORS)
        return not demands.is_demanded(authenticator.user) or others.exclude(pk=authenticator.pk).exists()


def _cipher() -> Fernet:
    key = hashlib.sha256(b"second factors " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
