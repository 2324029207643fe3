"""Which way leads to the site: by what was given, else by the environment."""

from ..store.configuration import setting
from ..values.names import checked_name
from .way import Way

NO_TOKEN = "token is missing: a site is asked with one, from its page Connect; give token=..., or set TELEMETRY_TOKEN"
NO_USE = "token is for a site at https://...; where Redis is asked there is none. Give the address too"


def way_to(where: object, token: str | None, agent: str | None) -> Way:
    """The way that the arguments of a gate mean; ValueError or TypeError for those that mean none."""
    name = setting("TELEMETRY_AGENT") if agent is None else checked_name(agent, "agent")
    address = where
    if where is None:
        address = setting("TELEMETRY_URL") or None
    if isinstance(address, str) and address.startswith(("https://", "http://")):
        # Only here: who asks Redis needs no HTTP.
        from .over_http import OverHTTP

        secret = token or setting("TELEMETRY_TOKEN") or setting("AGENT_TOKEN")  # as it was called before
        if not secret:
            raise ValueError(NO_TOKEN)
        return OverHTTP(address, secret, name)
    if token is not None:
        raise ValueError(NO_USE)
    from .over_redis import OverRedis

    return OverRedis(address, name)
