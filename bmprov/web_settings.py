"""The settings of the web page: its address, how long people stay signed in, and where else they may sign in."""

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from bmprov.model import Role

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PEOPLES = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@dataclass(frozen=True)
class WebSettings:
    """`[web]`: the page, on the API's port.

    `url` is what people type, such as `https://bmprov.example`; without it, it is the name that the API was called by.
    `proxies` are the networks of reverse proxies, whose `X-Forwarded-For` says where a call comes from.
    A session ends `session_idle_s` after it was used last, and `session_s` after it has begun.
    `oidc_issuer` is an OpenID provider; with it people may sign in there. `oidc_roles` are `VALUE=role`: who has VALUE
    in the claim `oidc_role_claim` (`a.b` is `b` inside `a`) has the role, the highest of several. Who has none gets
    `oidc_default_role`; empty: they are refused.
    """

    url: str = ""
    proxies: tuple[str, ...] = ()
    session_idle_s: float = 43_200.0
    session_s: float = 604_800.0
    oidc_issuer: str = ""
    oidc_name: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: str = ""
    oidc_ca: str = ""
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    oidc_role_claim: str = "groups"
    oidc_roles: tuple[str, ...] = ()
    oidc_default_role: str = ""

    def __post_init__(self) -> None:
        if self.url and not _is_base(self.url):
            raise ValueError("web.url is not of the form https://HOST[:PORT]")
        for network in self.proxies:
            ip_network(network)
        if not 0 < self.session_idle_s <= self.session_s:
            raise ValueError("web.session_idle_s is not between 0 and web.session_s")
        _ = self.role_of_value
        if self.oidc_default_role and self.oidc_default_role not in _PEOPLES:
            raise ValueError(f"web.oidc_default_role is none of {', '.join(_PEOPLES)}, nor empty")
        if self.oidc_issuer:
            self._check_oidc()

    @property
    def role_of_value(self) -> dict[str, Role]:
        """`oidc_roles`, to be asked."""
        found = {}
        for text in self.oidc_roles:
            value, _, role = text.rpartition("=")
            if not value or role not in _PEOPLES:
                raise ValueError(f"web.oidc_roles has '{text}', which is not VALUE=role with {', '.join(_PEOPLES)}")
            found[value] = Role(role)
        return found

    @property
    def provider_name(self) -> str:
        """What the button calls the provider."""
        return self.oidc_name or urlsplit(self.oidc_issuer).hostname or self.oidc_issuer

    def _check_oidc(self) -> None:
        parts = urlsplit(self.oidc_issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("web.oidc_issuer is not of the form https://HOST[:PORT][/PATH]")
        if not self.url:
            raise ValueError("web.oidc_issuer needs web.url, which the provider sends people back to")
        if not self.oidc_client_id:
            raise ValueError("web.oidc_issuer needs web.oidc_client_id")
        if "openid" not in self.oidc_scopes:
            raise ValueError("web.oidc_scopes is without openid")
        if not self.oidc_roles and not self.oidc_default_role:
            raise ValueError("web.oidc_roles and web.oidc_default_role are both empty, so nobody could sign in")
        if self.oidc_client_secret_file and not Path(self.oidc_client_secret_file).is_absolute():
            raise ValueError("web.oidc_client_secret_file is no absolute path")


def _is_base(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and parts[2:] == ("",) * 3
