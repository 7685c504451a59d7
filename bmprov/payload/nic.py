"""The instance's NICs as CloudStack has them (`NicTO`)."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bmprov.errors import Invalid
from bmprov.mac import spelt
from bmprov.payload.nic_modes import AddressMode, MacMode, mode_of_each
from bmprov.payload.reading import Reader

_NIC_LIMIT = 64
_VLAN_LIMIT = 4094


@dataclass(frozen=True)
class NicRequest:
    """One NIC of the instance.

    Addresses with prefix length, such as `10.1.1.7/24`; `broadcast_uri` is the network as CloudStack names it, `vlan`
    the number in it, None when it is untagged or not a VLAN. `routed6` says that the network has IPv6: without an
    `address6`, CloudStack leaves that to the router (SLAAC or DHCPv6).
    """

    position: int
    nic_uuid: str
    network_uuid: str
    is_default: bool
    mac: str
    address: str | None = None
    gateway: str | None = None
    address6: str | None = None
    gateway6: str | None = None
    dns: tuple[str, ...] = ()
    vlan: int | None = None
    broadcast_uri: str = ""
    mtu: int | None = None
    tag: str = ""
    routed6: bool = False
    impose: bool = False
    by_dhcp: bool = False

    def mac_on(self, real: str) -> str:
        """The MAC that it has in CloudStack when a NIC with the MAC `real` carries it."""
        return self.mac if self.impose and self.mac else real


@dataclass(frozen=True)
class NicWishes:
    """What the details say of the NICs, in the order of their device ids."""

    tags: tuple[str, ...] = ()
    macs: tuple[MacMode, ...] = ()
    addresses: tuple[AddressMode, ...] = ()


NO_WISHES = NicWishes()


def parse_nics(instance: Reader, wishes: NicWishes) -> tuple[NicRequest, ...]:
    """The NICs under `nics`, in the order of their device ids.

    Raises:
        Invalid: a value makes no sense, or two NICs have the same MAC, or there are fewer than the wishes are for.
    """
    found = sorted(_each(instance), key=lambda nic: nic.position)
    if len(found) > _NIC_LIMIT:
        raise Invalid(f"the instance has {len(found)} NICs", f"at most {_NIC_LIMIT} make sense")
    for key in ("mac", "nic_uuid"):
        values = [value for nic in found if (value := getattr(nic, key))]
        if len(set(values)) != len(values):
            raise Invalid(
                f"two NICs of the instance have the same {key.replace('_', ' ')}", "look at them in CloudStack"
            )
    if found and not any(nic.is_default for nic in found):
        found[0] = replace(found[0], is_default=True)
    tags = (*wishes.tags, *[""] * len(found))
    macs = mode_of_each(wishes.macs, "mac", MacMode.ADOPT, len(found))
    addresses = mode_of_each(wishes.addresses, "addresses", AddressMode.STATIC, len(found))
    return tuple(
        replace(nic, tag=tag, impose=mac is MacMode.IMPOSE, by_dhcp=address is AddressMode.DHCP)
        for nic, tag, mac, address in zip(found, tags, macs, addresses, strict=False)
    )


def _each(instance: Reader) -> Iterator[NicRequest]:
    for number, nic in enumerate(instance.objects("nics")):
        position = nic.figure("deviceId")
        yield NicRequest(
            position=number if position is None else position,
            nic_uuid=nic.text("nicUuid") or f"nic-{number}",
            network_uuid=nic.text("uuid") or "",
            is_default=nic.raw("defaultNic") is True,
            mac=_mac(nic),
            address=_address(nic),
            gateway=_ip(nic, "gateway"),
            address6=_address6(nic),
            gateway6=_ip(nic, "ip6gateway"),
            dns=tuple(ip for key in ("dns1", "dns2") if (ip := _ip(nic, key))),
            vlan=_vlan(nic),
            broadcast_uri=nic.text("broadcastUri") or "",
            mtu=nic.figure("mtu"),
            routed6=bool(nic.text("ip6gateway") or nic.text("ip6cidr")),
        )


def _mac(nic: Reader) -> str:
    text = nic.text("mac") or ""
    mac = spelt(text) if text else ""
    if mac is None:
        raise Invalid(f"the payload's '{nic.key('mac')}' makes no sense", f"'{text[:40]}' is not a MAC")
    return mac


def _ip(nic: Reader, key: str) -> str | None:
    text = nic.text(key)
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        raise Invalid(f"the payload's '{nic.key(key)}' is not an IP address", f"it is '{str(text)[:60]}'") from None


def _address(nic: Reader) -> str | None:
    ip, netmask = _ip(nic, "ip"), nic.text("netmask")
    if ip is None:
        return None
    try:
        return ipaddress.ip_interface(f"{ip}/{netmask or 32}").with_prefixlen
    except ValueError:
        raise Invalid(
            f"the payload's '{nic.key('netmask')}' is not a netmask", f"it is '{str(netmask)[:60]}'"
        ) from None


def _address6(nic: Reader) -> str | None:
    ip, network = _ip(nic, "ip6address"), nic.text("ip6cidr")
    if ip is None:
        return None
    try:
        return f"{ip}/{ipaddress.ip_network(network, strict=False).prefixlen}" if network else f"{ip}/128"
    except ValueError:
        raise Invalid(
            f"the payload's '{nic.key('ip6cidr')}' is not a network", f"it is '{str(network)[:60]}'"
        ) from None


def _vlan(nic: Reader) -> int | None:
    """The VLAN in `broadcastUri`: `vlan://1577`; `vlan://untagged` and other kinds of network have none."""
    uri = nic.text("broadcastUri") or ""
    scheme, _, name = uri.partition("://")
    if scheme.lower() != "vlan" or name.lower() in ("", "untagged"):
        return None
    if not name.isascii() or not name.isdecimal() or not 1 <= int(name) <= _VLAN_LIMIT:
        raise Invalid(
            f"the payload's '{nic.key('broadcastUri')}' names no VLAN", f"it is '{uri[:60]}', not vlan://1 to 4094"
        )
    return int(name)
