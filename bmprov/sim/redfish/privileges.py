"""Who may do what: roles, their privileges, and which a change needs.

DSP0266, section 13.4, with the predefined roles, and the privilege registry of DSP8011 for the resources of this BMC.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bmprov.sim.ipmi.session import Privilege as Level
from bmprov.sim.redfish.resource import ROOT


class Role(StrEnum):
    """The predefined roles."""

    ADMINISTRATOR = "Administrator"
    OPERATOR = "Operator"
    READ_ONLY = "ReadOnly"


class Privilege(StrEnum):
    """The privileges of Redfish."""

    LOGIN = "Login"
    CONFIGURE_MANAGER = "ConfigureManager"
    CONFIGURE_USERS = "ConfigureUsers"
    CONFIGURE_SELF = "ConfigureSelf"
    CONFIGURE_COMPONENTS = "ConfigureComponents"


PRIVILEGES: Mapping[Role, tuple[Privilege, ...]] = MappingProxyType(
    {
        Role.ADMINISTRATOR: tuple(Privilege),
        Role.OPERATOR: (Privilege.LOGIN, Privilege.CONFIGURE_COMPONENTS, Privilege.CONFIGURE_SELF),
        Role.READ_ONLY: (Privilege.LOGIN, Privilege.CONFIGURE_SELF),
    }
)

ROLES: Mapping[Level, Role] = MappingProxyType(
    {
        Level.ADMINISTRATOR: Role.ADMINISTRATOR,
        Level.OPERATOR: Role.OPERATOR,
        Level.USER: Role.READ_ONLY,
        Level.CALLBACK: Role.READ_ONLY,
    }
)
"""The role that is nearest to a privilege level of IPMI."""

READS = frozenset({"GET", "HEAD"})
_ACCOUNT = f"{ROOT}/AccountService/Accounts/"
_NEEDED = MappingProxyType(
    {
        "AccountService": Privilege.CONFIGURE_USERS,
        "Chassis": Privilege.CONFIGURE_COMPONENTS,
        "Managers": Privilege.CONFIGURE_MANAGER,
        "SessionService": Privilege.CONFIGURE_MANAGER,
        "Systems": Privilege.CONFIGURE_COMPONENTS,
        "UpdateService": Privilege.CONFIGURE_COMPONENTS,
    }
)


def needed(method: str, path: str) -> Privilege:
    """The privilege that a request needs when it is not about one's own session or account."""
    if method in READS:
        return Privilege.CONFIGURE_USERS if path.startswith(_ACCOUNT) else Privilege.LOGIN
    service = path.removeprefix(f"{ROOT}/").partition("/")[0]
    return _NEEDED.get(service, Privilege.CONFIGURE_MANAGER)
