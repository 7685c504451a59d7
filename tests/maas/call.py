"""One call: who makes it, on what, and its parameters, from the query or from either kind of form.

MAAS's own clients send `multipart/form-data` with each part in base64, others `application/x-www-form-urlencoded`.
"""

from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

from tests.maas.answers import forbidden, invalid, missing
from tests.maas.machine import Machine
from tests.maas.region import Region, User

_TRUE = {"true", "1", "on", "yes", "t", "y"}
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """A call of an operation; `path` are the variables in its address."""

    region: Region
    user: User
    path: dict[str, str]
    query: Pairs = field(default_factory=list)
    form: Pairs = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in [*self.form, *self.query] if key == name]

    def get(self, name: str, default: str = "") -> str:
        return next(iter(self.all(name)), default)

    def names(self) -> set[str]:
        return {key for key, _ in [*self.form, *self.query]} - {"op"}

    def flag(self, name: str) -> bool:
        return self.get(name).lower() in _TRUE

    def number(self, name: str, default: int = 0) -> int:
        """A number.

        Raises:
            Refusal: 400, it is none.
        """
        try:
            return int(float(self.get(name) or default))
        except ValueError:
            raise invalid(**{name: f"Invalid {name}: number required."}) from None

    def machine(self, *, to_change: bool = False) -> Machine:
        """The machine that the address names.

        Raises:
            Refusal: 404, there is none; 403, it is another user's, or locked and to be changed.
        """
        machine = self.region.machines.get(self.path["system_id"])
        if machine is None:
            raise missing("Machine")
        foreign = machine.owner not in {None, self.user.name} and not self.user.is_admin
        if foreign or (to_change and machine.locked):
            raise forbidden()
        self.region.control.look(machine)
        return machine

    def administer(self) -> None:
        """Refuse with 403 whoever is no administrator."""
        if not self.user.is_admin:
            raise forbidden("This method is reserved for admin users.")

    def visible(self) -> list[Machine]:
        """The machines that the user may see, oldest first."""
        for machine in self.region.machines.values():
            self.region.control.look(machine)
        mine = {None, self.user.name}
        return [machine for machine in self.region.machines.values() if self.user.is_admin or machine.owner in mine]


def parse_form(content_type: str, body: bytes) -> Pairs:
    """The parameters in a body, none in one of another kind."""
    if content_type.startswith("multipart/form-data"):
        message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        parts = message.get_payload()
        if not isinstance(parts, list):
            return []
        return [pair for part in parts if isinstance(part, Message) and (pair := _pair(part))]
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return []


def _pair(part: Message) -> tuple[str, str] | None:
    name = part.get_param("name", header="Content-Disposition")
    value = part.get_payload(decode=True)
    return (name, value.decode(errors="replace")) if isinstance(name, str) and isinstance(value, bytes) else None
