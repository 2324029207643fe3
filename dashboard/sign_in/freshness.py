"""When somebody showed last who they are: before what matters most, a session alone is not enough."""

import time

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest


def is_fresh(request: HttpRequest) -> bool:
    """Whether this person gave a password, a code or a passkey in this session within the last five minutes."""
    records = get_authentication_records(request, request.user)
    newest = max((float(record["at"]) for record in records), default=0.0)
    return time.time() - newest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
