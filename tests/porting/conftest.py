"""A server as the primitives' own tests have it; nothing here needs Django."""

from tests.core.conftest import background, core_server, events, proxy, raw, server, url  # noqa: F401  fixtures
