"""The admin site: the record, and the queue of jobs."""

from dashboard.admin import queue, record

__all__ = ["queue", "record"]
