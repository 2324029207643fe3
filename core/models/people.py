"""Failed sign-ins that are not counted in the record yet."""

from django.db import models


class SignInMinute(models.Model):
    """The failed sign-ins of one minute; gone once what was not listed is counted in the record."""

    minute = models.CharField(max_length=16, primary_key=True)
    listed = models.PositiveIntegerField(default=0)
    unlisted = models.PositiveIntegerField(default=0)
    # JSON: name tried -> times that it was not listed, for the first names of the minute.
    names = models.TextField(default="{}")

    class Meta:
        """Internal: no permissions."""

        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.minute}: {self.listed} and {self.unlisted} more"
