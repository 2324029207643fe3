"""The admin site: the record by word, to be searched and read, never to be changed; and the queue of jobs."""

from dashboard.admin import (  # noqa: F401  registers them
    agents,
    approvals,
    audit,
    automation,
    notices,
    people,
    policy,
    queue,
    recorder,
    usage,
)
