"""Who tells of automated work."""

import pytest

from core import AutomationRecorder


@pytest.fixture
def agent(clean_redis: str) -> AutomationRecorder:
    return AutomationRecorder(clean_redis)
