"""Settings of the page: what makes no sense is told when they are read."""

from pathlib import Path
from typing import Any

import pytest

from bmprov.errors import Fatal
from bmprov.model import Role
from bmprov.settings import Settings, dump, load
from bmprov.web_settings import WebSettings

OIDC = {"url": "https://b.example", "oidc_issuer": "https://sso.example/realms/dc", "oidc_client_id": "bmprov"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"url": "http://b.example"}, "web.url"),
        ({"url": "https://b.example/page"}, "web.url"),
        ({"proxies": ("10.0.0.1/8",)}, "host bits"),
        ({"proxies": ("proxy.example",)}, "proxy.example"),
        ({"session_idle_s": 0.0}, "session_idle_s"),
        ({"session_idle_s": 10.0, "session_s": 5.0}, "session_idle_s"),
        ({"oidc_roles": ("admins",)}, "VALUE=role"),
        ({"oidc_roles": ("admins=root",)}, "VALUE=role"),
        ({"oidc_roles": ("admins=cloud",)}, "VALUE=role"),
        ({"oidc_default_role": "cloud"}, "oidc_default_role"),
        (OIDC, "nobody could sign in"),
        (OIDC | {"oidc_issuer": "http://sso.example", "oidc_default_role": "viewer"}, "oidc_issuer"),
        (OIDC | {"url": "", "oidc_default_role": "viewer"}, "needs web.url"),
        (OIDC | {"oidc_client_id": "", "oidc_default_role": "viewer"}, "needs web.oidc_client_id"),
        (OIDC | {"oidc_scopes": ("email",), "oidc_default_role": "viewer"}, "without openid"),
        (OIDC | {"oidc_client_secret_file": "secret", "oidc_default_role": "viewer"}, "no absolute path"),
    ],
)
def test_what_makes_no_sense_is_told(told: dict[str, Any], why: str) -> None:
    """Before anybody tries to sign in."""
    with pytest.raises(ValueError, match=why):
        WebSettings(**told)


def test_values_of_a_claim_may_hold_anything() -> None:
    """The role stands behind the last `=`, as in the names of a directory."""
    settings = WebSettings(**OIDC, oidc_roles=("cn=ops,dc=example=operator", "x=admin"))
    assert settings.role_of_value == {"cn=ops,dc=example": Role.OPERATOR, "x": Role.ADMIN}
    assert settings.provider_name == "sso.example"


def test_they_are_written_and_read(tmp_path: Path) -> None:
    """A table `[web]` of the one settings file; a misspelt key in it is an error."""
    file = tmp_path / "bmprov.toml"
    settings = Settings(web=WebSettings(**OIDC, oidc_roles=("a=admin",), proxies=("10.0.0.0/24",)))
    file.write_text(dump(settings))
    assert load(file).web == settings.web
    file.write_text('[web]\noidc_isuer = "x"\n')
    with pytest.raises(Fatal, match=r"web\.oidc_isuer"):
        load(file)
