"""Who somebody is here, from what their provider claims: their name and their role."""

import re
from collections.abc import Mapping
from typing import Any

from bmprov.model import Role
from bmprov.web_settings import WebSettings

_ODD = re.compile(r"[^a-z0-9._@+-]+")
_LONGEST = 40
_RANKS = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def name_of(claims: Mapping[str, Any]) -> str:
    """A name to call them by: it is a label, and not who they are, which their provider's subject says."""
    told = (claims.get(name) for name in ("preferred_username", "email", "name", "sub"))
    spelt = (_ODD.sub("-", one.lower())[:_LONGEST].strip("._@+-") for one in told if isinstance(one, str))
    return next((one for one in spelt if one), "somebody")


def role_of(claims: Mapping[str, Any], settings: WebSettings) -> Role | None:
    """The highest role that their values give them; else the default; None for none."""
    known = settings.role_of_value
    roles = [known[value] for value in _values(claims, settings.oidc_role_claim) if value in known]
    if roles:
        return max(roles, key=_RANKS.index)
    return Role(settings.oidc_default_role) if settings.oidc_default_role else None


def _values(claims: Mapping[str, Any], claim: str) -> list[str]:
    """The texts in a claim. A name with dots is tried as it stands first: some providers' claims are URLs."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [value for value in listed if isinstance(value, str)]
