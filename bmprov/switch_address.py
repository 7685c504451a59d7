"""Addresses of switches: `DIALECT://HOST[:PORT]`, `linux-bridge://[HOST[:PORT]]/BRIDGE` and `fake://NAME`."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from bmprov.errors import Invalid
from bmprov.port_names import checked_port, port_names

LINUX_BRIDGE, FAKE = "linux-bridge", "fake"
_SSH_PORT = 22


@dataclass(frozen=True)
class SwitchAddress:
    """A switch's address in its parts. `host` is empty for a bridge of this host, `bridge` for all but bridges."""

    dialect: str
    host: str
    port: int
    bridge: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a text writes down.

        Raises:
            Invalid: it is none, no driver speaks its dialect, or there is a user or a password in it.
        """
        if "@" in text:  # and so it is never repeated in an error
            raise Invalid("a switch's address has neither user nor password in it", "they are told beside it")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port or _SSH_PORT
        except ValueError as error:
            raise Invalid(f"'{text}' is no address of a switch ({error})", "write DIALECT://HOST[:PORT]") from error
        port_names(parts.scheme)
        if parts.query or parts.fragment:
            raise Invalid(f"'{text}' is no address of a switch", "write DIALECT://HOST[:PORT]")
        if parts.scheme == LINUX_BRIDGE:
            bridge = parts.path.removeprefix("/")
            if not bridge:
                raise Invalid(f"'{text}' names no bridge", "write linux-bridge://HOST/br0, or linux-bridge:///br0")
            return cls(parts.scheme, host, port, checked_port(LINUX_BRIDGE, bridge))
        if not host or parts.path not in ("", "/"):
            raise Invalid(f"'{text}' is no address of a switch", "write DIALECT://HOST[:PORT]")
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        """The one spelling of it, by which it is known whether a switch is entered twice."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _SSH_PORT else f":{self.port}"
        return f"{self.dialect}://{host}{port}" + (f"/{self.bridge}" if self.bridge else "")
