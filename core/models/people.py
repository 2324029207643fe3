"""Sessions, and failed sign-ins that are not counted in the record yet."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from core.models.bases import InternalModel


class WebSession(AbstractBaseSession):
    """Somebody who is signed in, or on the way there. Its key is the hash of what the cookie holds."""

    session_key = models.CharField(max_length=64, primary_key=True)
    seen = models.DateTimeField(db_index=True)
    # The number of the account: not a foreign key, since a session may outlive it for a moment.
    account_id = models.BigIntegerField(null=True, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"of account {self.account_id}, last used {self.seen}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """The store that reads and writes these rows: that of the setting."""
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class SignInMinute(InternalModel):
    """The failed sign-ins of one minute; gone once what was not listed is counted in the record."""

    minute = models.CharField(max_length=16, primary_key=True)
    listed = models.PositiveIntegerField(default=0)
    unlisted = models.PositiveIntegerField(default=0)
    # JSON: name tried -> times that it was not listed, for the first names of the minute.
    names = models.TextField(default="{}")

    def __str__(self) -> str:
        return f"{self.minute}: {self.listed} and {self.unlisted} more"


class Preferences(InternalModel):
    """What one person set for themselves. `single_keys`: whether one key alone does something on a page."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    single_keys = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"of {self.person}"
