"""Which parts of this package work here and now: each is imported and its server is asked, at every call."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .errors import StoreUnavailable
from .values.records import PlainDict

REDIS_INSTALL = "pip install redis"
_PACKAGE = __name__.partition(".")[0]
_MODULES = {
    "event_streaming": "event_streaming",
    "agent_heartbeats": "agent_tracking",
    "agent_coordination": "agent_coordination",
    "approval_gates": "approval_gates",
    "usage_tracking": "usage_tracker",
    "feedback_loop": "feedback_loop",
    "cli": "cli",
}
_WITHOUT_REDIS = ("cli",)  # each command says itself what it cannot reach
Trouble = tuple[str, str | None]


class FeatureStatus(Enum):
    """Whether a feature works. What it lacks, a package, a module or a server, is a missing dependency."""

    AVAILABLE = "available"
    MISSING_DEPENDENCY = "missing_dependency"
    DISABLED = "disabled"


@dataclass
class FeatureInfo(PlainDict):
    """What was found. `install_command` is set where a command brings what is missing."""

    name: str
    status: FeatureStatus
    message: str
    install_command: str | None = None


class TelemetryFeatures:
    """Tells which features work. `memory` is what a feature would be given; None is the configured Redis."""

    @staticmethod
    def is_redis_available(memory: object = None) -> bool:
        """Whether redis-py is installed and a Redis answers."""
        return _redis_trouble(memory) is None

    @staticmethod
    def get_feature_status(feature: str, memory: object = None) -> FeatureInfo:
        """Whether one feature works; one that nobody knows is `disabled`."""
        return _status(feature, lambda: _redis_trouble(memory))

    @staticmethod
    def require_redis(feature_name: str, memory: object = None) -> None:
        """Return when a Redis answers, else raise ImportError that says what to do."""
        trouble = _redis_trouble(memory)
        if trouble is not None:
            message, command = trouble
            raise ImportError(f"{feature_name} needs Redis: {message}" + (f" ({command})" if command else ""))

    @staticmethod
    def list_all_features(memory: object = None) -> dict[str, FeatureInfo]:
        """Every feature by name. The server is asked once for all of them."""
        trouble = _redis_trouble(memory)
        return {feature: _status(feature, lambda: trouble) for feature in _MODULES}


def _status(feature: str, redis_trouble: Callable[[], Trouble | None]) -> FeatureInfo:
    if feature not in _MODULES:
        return FeatureInfo(feature, FeatureStatus.DISABLED, f"there is no feature {feature!r}")
    module = f"{_PACKAGE}.{_MODULES[feature]}"
    trouble = _import_trouble(module)
    if trouble is None and feature not in _WITHOUT_REDIS:
        trouble = redis_trouble()
    if trouble is not None:
        return FeatureInfo(feature, FeatureStatus.MISSING_DEPENDENCY, *trouble)
    return FeatureInfo(feature, FeatureStatus.AVAILABLE, f"{module} is ready")


def _import_trouble(module: str) -> Trouble | None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or "").split(".")[0]
        if missing in ("", _PACKAGE):
            return f"{module} is not part of this installation", None
        return f"{module} needs the package {missing}", f"pip install {missing}"
    return None


def _redis_trouble(memory: object) -> Trouble | None:
    """Why no Redis can be used, and the command that helps, or None."""
    try:
        from .store.client import open_store
    except ImportError as error:
        return f"a package is not installed: {error}", REDIS_INSTALL
    try:
        open_store(memory).read("PING")
    except StoreUnavailable as error:
        return str(error), None
    return None
