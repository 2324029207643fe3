"""What the recorder set aside, in the admin."""

from django.contrib import admin

from core.models import SetAsideEntry
from dashboard.admin.read_only import ReadOnlyAdmin


@admin.register(SetAsideEntry)
class SetAsideEntryAdmin(ReadOnlyAdmin):
    """What the recorder could not read."""

    list_display = ["at", "position", "error"]
    date_hierarchy = "at"
