"""Switches: how they are added, changed and shown. Passwords come in and never go out."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, StringConstraints

from bmprov.api.shapes.base import Label, Line, Reply, Request, moment, moment_or_none
from bmprov.api.shapes.page import PageOut
from bmprov.cabling import ManagedSwitch
from bmprov.orders import NewSwitch, SwitchChange

_ADDRESS = "`DIALECT://HOST[:PORT]`, or `linux-bridge://[HOST]/BRIDGE`"
_VLANS = "the VLANs that tenants may have, as in 100-199,1577"
_PROVISIONING = "where machines network-boot; no tenant may have it"
_QUARANTINE = "where ports that nobody has are, disabled: a VLAN that leads nowhere"
_HOST_KEY = "the SSH host key's fingerprint (SHA256:…); empty: any is believed"
_KEY = "the user's private SSH key, in OpenSSH's form or PEM, without a passphrase; empty: the password alone"
_UPLINKS = "ports that are never touched, by their full names"
_KNOWN_AS = "what else LLDP and relays call it: its system name, its chassis' MAC"
_CREATE = "whether VLANs that it lacks may be made on it"
_SAVE = "whether each change is to survive its restart"
_SITE = "whose workers set its ports"

Vlan = Annotated[int, Field(ge=1, le=4094)]
Name = Annotated[Line, StringConstraints(min_length=1)]
Names = Annotated[list[Name], Field(max_length=256)]
Password = Annotated[SecretStr, Field(max_length=255, json_schema_extra={"writeOnly": True})]
PrivateKey = Annotated[SecretStr, Field(max_length=16_384, json_schema_extra={"writeOnly": True})]
_SECRETS = ("password", "enable", "key")
_LISTS = ("uplinks", "known_as")


class SwitchIn(Request):
    """A switch to add."""

    name: Label = Field(description="best as it calls itself, for LLDP knows it by that")
    address: Line = Field(description=_ADDRESS, examples=["cisco-ios://10.1.0.2"])
    vlans: Line = Field(description=_VLANS)
    provisioning_vlan: Vlan = Field(description=_PROVISIONING)
    quarantine_vlan: Vlan = Field(description=_QUARANTINE)
    user: Line = ""
    password: Password = SecretStr("")
    enable: Password = Field(SecretStr(""), description="the second password that some switches ask for")
    key: PrivateKey = Field(SecretStr(""), description=_KEY)
    host_key: Line = Field("", description=_HOST_KEY)
    uplinks: Names = Field([], description=_UPLINKS)
    known_as: Names = Field([], description=_KNOWN_AS)
    create_vlans: bool = Field(True, description=_CREATE)
    save: bool = Field(False, description=_SAVE)
    site: Label = Field("default", description=_SITE)

    def to_order(self) -> NewSwitch:
        """The switch as it is ordered."""
        return NewSwitch(**_told(self))


class SwitchPatch(Request):
    """What is to change about a switch; what is left out, or null, stays as it is."""

    address: Line | None = Field(None, description=_ADDRESS)
    vlans: Line | None = Field(None, description=_VLANS)
    provisioning_vlan: Vlan | None = Field(None, description=_PROVISIONING)
    quarantine_vlan: Vlan | None = Field(None, description=_QUARANTINE)
    user: Line | None = None
    password: Password | None = None
    enable: Password | None = None
    key: PrivateKey | None = Field(None, description=_KEY)
    host_key: Line | None = Field(None, description=_HOST_KEY)
    uplinks: Names | None = Field(None, description=_UPLINKS)
    known_as: Names | None = Field(None, description=_KNOWN_AS)
    create_vlans: bool | None = Field(None, description=_CREATE)
    save: bool | None = Field(None, description=_SAVE)
    site: Label | None = Field(None, description=_SITE)

    def to_order(self) -> SwitchChange:
        """The change as it is ordered."""
        return SwitchChange(**_told(self))


class SwitchOut(Reply):
    """A switch, without its passwords. `error` says why it could not be set since `heard_at`."""

    id: str
    name: str
    address: str
    user: str
    host_key: str
    vlans: str
    provisioning_vlan: int
    quarantine_vlan: int
    uplinks: list[str]
    known_as: list[str]
    create_vlans: bool
    save: bool
    site: str
    cables: int = Field(description="how many NICs people have entered for it")
    heard_at: datetime | None
    error: str | None
    created_at: datetime

    @classmethod
    def of(cls, switch: ManagedSwitch, cables: int) -> Self:
        """A switch, and how many NICs are cabled to it."""
        return cls(
            id=switch.id,
            name=switch.name,
            address=switch.address,
            user=switch.user,
            host_key=switch.host_key,
            vlans=str(switch.vlans),
            provisioning_vlan=switch.provisioning_vlan,
            quarantine_vlan=switch.quarantine_vlan,
            uplinks=list(switch.uplinks),
            known_as=list(switch.known_as),
            create_vlans=switch.create_vlans,
            save=switch.save,
            site=switch.site,
            cables=cables,
            heard_at=moment_or_none(switch.heard_at),
            error=switch.error or None,
            created_at=moment(switch.created_at),
        )


class SwitchList(PageOut):
    """Switches by name."""

    switches: list[SwitchOut]


def _told(body: SwitchIn | SwitchPatch) -> dict[str, Any]:
    """The fields as an order has them: secrets opened, lists frozen."""
    told = {name: getattr(body, name) for name in type(body).model_fields}
    told |= {name: told[name].get_secret_value() for name in _SECRETS if told[name] is not None}
    return told | {name: tuple(told[name]) for name in _LISTS if told[name] is not None}
