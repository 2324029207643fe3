"""Sign-in by an OpenID Connect provider: its settings, and what django-allauth wants to hear of them."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from telemetry_site.env import Environment

PROVIDER_ID = "provider"  # stands in the address to which the provider sends people back


@dataclass(frozen=True)
class Provider:
    """One provider. `groups`: theirs by name -> ours; whoever has none of them is not let in."""

    issuer: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    name: str = ""
    claim: str = "groups"
    groups: dict[str, list[str]] = field(default_factory=dict)


def one_provider(environment: Environment) -> Provider | None:
    """The provider of TELEMETRY_OIDC_ISSUER and its siblings, None without it. A part that lacks stops the start."""
    provider = Provider(
        issuer=environment.text("TELEMETRY_OIDC_ISSUER").rstrip("/"),
        client_id=environment.text("TELEMETRY_OIDC_CLIENT_ID"),
        secret=environment.text("TELEMETRY_OIDC_CLIENT_SECRET"),
        name=environment.text("TELEMETRY_OIDC_NAME", "single sign-on"),
        claim=environment.text("TELEMETRY_OIDC_CLAIM", "groups"),
        groups=environment.parsed("TELEMETRY_OIDC_GROUPS", parse_groups),
    )
    if not provider.issuer:
        return None
    parts = urlsplit(provider.issuer)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ImproperlyConfigured("TELEMETRY_OIDC_ISSUER must be an https:// address")
    for name, value in (("CLIENT_ID", provider.client_id), ("GROUPS", provider.groups)):
        if not value:
            raise ImproperlyConfigured(f"With TELEMETRY_OIDC_ISSUER set TELEMETRY_OIDC_{name} too")
    return provider


def parse_groups(text: str) -> dict[str, list[str]]:
    """`theirs=ours`, with commas between; one of theirs may stand twice. ValueError for what is none."""
    found: dict[str, list[str]] = {}
    for pair in filter(None, (word.strip() for word in text.split(","))):
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs.strip() or not re.fullmatch(r"[\w .-]+", ours.strip()):
            raise ValueError(f"must be a list such as `sre=approver,everybody=viewer`, not {pair!r}")
        found.setdefault(theirs.strip(), []).append(ours.strip())
    return found


def providers(provider: Provider | None) -> dict[str, Any]:
    """The setting SOCIALACCOUNT_PROVIDERS, with proof keys (PKCE) and no mail."""
    if provider is None:
        return {}
    app = {
        "provider_id": PROVIDER_ID,
        "name": provider.name,
        "client_id": provider.client_id,
        "secret": provider.secret,
        "settings": {"server_url": provider.issuer},
    }
    scope = ["openid", "profile", *(["groups"] if provider.claim == "groups" else [])]
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True, "SCOPE": scope}}
