"""The accounts of one BMC and their roles (schemas AccountService, ManagerAccount and Role).

There is one at first; others can be made, changed and removed, and are gone when the simulator ends.
"""

import hmac
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.message import Answer, Document, Request, answer, parse, refusal
from bmprov.sim.redfish.privileges import PRIVILEGES, ROLES, Privilege, Role
from bmprov.sim.redfish.resource import ROOT, Resource, Schema, Tree, Writable, collection, fixed, judge, link, odata

ACCOUNT_SERVICE = f"{ROOT}/AccountService"
ACCOUNTS = f"{ACCOUNT_SERVICE}/Accounts"
_ROLES = f"{ACCOUNT_SERVICE}/Roles"
_FIRST = "1"
_MOST = 16
_REQUIRED = ("UserName", "Password", "RoleId")
_PATCHABLE: Schema = {"Password": Writable(str), "RoleId": Writable(str, tuple(Role)), "Enabled": Writable(bool)}
_SCHEMA: Schema = {"UserName": Writable(str), **_PATCHABLE}


@dataclass
class User:
    """An account as it is now."""

    name: str
    password: str = field(repr=False)
    role: Role
    enabled: bool = True

    def may(self, privilege: Privilege) -> bool:
        """Whether its role has the privilege."""
        return privilege in PRIVILEGES[self.role]


class Accounts:
    """All accounts of one BMC, of which the one that it came with stays."""

    __slots__ = ("_last", "_users")

    def __init__(self, account: Account) -> None:
        self._users = {_FIRST: User(account.name, account.password, ROLES[account.privilege])}
        self._last = 1

    def find(self, name: str, password: str) -> User | None:
        """Whose name and password these are."""
        found = None
        for user in self._users.values():
            right = same(name, user.name)
            if same(password, user.password) and right and user.enabled:
                found = user
        return found

    def has(self, user: User) -> bool:
        """Whether there still is this account, and it is enabled."""
        return user.enabled and any(one is user for one in self._users.values())

    def is_own(self, path: str, user: User) -> bool:
        """Whether the path is that of this account."""
        above, _, key = path.rpartition("/")
        return above == ACCOUNTS and self._users.get(key) is user

    def tree(self) -> Tree:
        """The resources about accounts."""
        return {
            ACCOUNT_SERVICE: _SERVICE,
            ACCOUNTS: Resource(self._collection, post=self._create, member=self._resource),
            **_ROLE_TREE,
        }

    def _collection(self) -> Document:
        return collection(ACCOUNTS, "ManagerAccount", "Accounts", [f"{ACCOUNTS}/{key}" for key in self._users])

    def _resource(self, key: str) -> Resource | None:
        if key not in self._users:
            return None
        return Resource(partial(self._document, key), partial(self._change, key), remove=partial(self._remove, key))

    def _document(self, key: str) -> Document:
        user = self._users[key]
        return odata(f"{ACCOUNTS}/{key}", "ManagerAccount.v1_12_0", "User Account") | {
            "UserName": user.name,
            "Password": None,
            "RoleId": user.role,
            "Enabled": user.enabled,
            "Locked": False,
            "AccountTypes": ["Redfish", "HostConsole"] if user.may(Privilege.CONFIGURE_COMPONENTS) else ["Redfish"],
            "Links": {"Role": link(f"{_ROLES}/{user.role}")},
        }

    def _create(self, request: Request) -> Answer:
        sent = parse(request)
        for name in _REQUIRED:
            if name not in sent:
                raise refusal(HTTPStatus.BAD_REQUEST, "CreateFailedMissingReqProperties", name)
        wanted = judge(sent, _SCHEMA, {})
        _check_password(wanted)
        if any(user.name == wanted["UserName"] for user in self._users.values()):
            names = ("ManagerAccount", "UserName", wanted["UserName"])
            raise refusal(HTTPStatus.CONFLICT, "ResourceAlreadyExists", *names)
        if len(self._users) == _MOST:
            raise refusal(HTTPStatus.BAD_REQUEST, "CreateLimitReachedForResource")
        self._last += 1
        key = str(self._last)
        role, enabled = Role(wanted["RoleId"]), wanted.get("Enabled", True)
        self._users[key] = User(wanted["UserName"], wanted["Password"], role, enabled)
        return answer(self._document(key), HTTPStatus.CREATED, {"Location": f"{ACCOUNTS}/{key}"})

    def _change(self, key: str, sent: Document) -> None:
        changes, user = judge(sent, _PATCHABLE, self._document(key)), self._users[key]
        _check_password(changes)
        user.password = changes.get("Password", user.password)
        user.role = Role(changes.get("RoleId", user.role))
        user.enabled = changes.get("Enabled", user.enabled)

    def _remove(self, key: str) -> None:
        if key == _FIRST:
            raise refusal(HTTPStatus.FORBIDDEN, "ResourceCannotBeDeleted")
        del self._users[key]


def same(one: str, other: str) -> bool:
    """Compare in constant time, whatever JSON or a header makes of bytes that are not UTF-8."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def _check_password(sent: Document) -> None:
    if sent.get("Password") == "":
        raise refusal(HTTPStatus.BAD_REQUEST, "PropertyValueFormatError", "", "Password")


def _role(role: Role) -> Document:
    return odata(f"{_ROLES}/{role}", "Role.v1_3_1", "User Role") | {
        "RoleId": role,
        "IsPredefined": True,
        "AssignedPrivileges": list(PRIVILEGES[role]),
    }


_SERVICE = fixed(
    odata(ACCOUNT_SERVICE, "AccountService.v1_15_0", "Account Service")
    | {
        "Status": {"State": "Enabled", "Health": "OK"},
        "ServiceEnabled": True,
        "MinPasswordLength": 1,
        "Accounts": link(ACCOUNTS),
        "Roles": link(_ROLES),
    }
)
_ROLE_TREE: Tree = {f"{_ROLES}/{role}": fixed(_role(role)) for role in Role} | {
    _ROLES: fixed(collection(_ROLES, "Role", "Roles", [f"{_ROLES}/{role}" for role in Role]))
}
