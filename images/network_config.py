"""How an installed system's network is configured: cloud-init's network configuration version 2 (netplan's form).

A NIC is matched by its real MAC; when CloudStack has another one, the system is told to use that (`macaddress`),
because the virtual router answers for it alone. What several renderers of cloud-init understand is written here, and
tests hold it against all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bmprov.carrier import Carrier
from bmprov.model import BondMode, Nic
from bmprov.payload import NicRequest

Section = dict[str, Any]

_WATCH_MS = 100  # how often a bond looks whether its members have a link
_FARTHER = 200  # the metric of a way out that is not the default NIC's; netplan gives one by DHCP 100


def network_config(wanted: Sequence[NicRequest], carried_by: Mapping[str, Carrier]) -> Section:
    """The document for an instance's NICs, each on what carries it, by `nicUuid`."""
    ethernets: dict[str, Section] = {}
    bonds: dict[str, Section] = {}
    for nic in wanted:
        carrier = carried_by[nic.nic_uuid]
        if carrier.bond:
            ethernets |= {_name(member): _member(member) for member in carrier.nics}
            bonds[carrier.bond] = _bond(nic, carrier)
        else:
            ethernets[f"nic{nic.position}"] = _ethernet(nic, carrier)
    return {"version": 2, "ethernets": ethernets} | ({"bonds": bonds} if bonds else {})


def _ethernet(nic: NicRequest, carrier: Carrier) -> Section:
    imposed = {"macaddress": nic.mac} if nic.mac and nic.mac != carrier.mac else {}
    return {"match": {"macaddress": carrier.mac}} | imposed | _addressing(nic)


def _bond(nic: NicRequest, carrier: Carrier) -> Section:
    told = {"interfaces": [_name(member) for member in carrier.nics], "macaddress": nic.mac or carrier.mac}
    return told | {"parameters": _parameters(carrier)} | _addressing(nic)


def _parameters(carrier: Carrier) -> Section:
    watch = {"mii-monitor-interval": _WATCH_MS}
    if carrier.bond_mode is BondMode.LACP:
        return {"mode": "802.3ad", "lacp-rate": "fast", **watch, "transmit-hash-policy": "layer3+4"}
    return {"mode": "active-backup", "primary": _name(carrier.leader), **watch}


def _member(nic: Nic) -> Section:
    """Renamed: cloud-init finds a bond's members by their names alone where it writes `ifcfg` (up to 26.2)."""
    return {"match": {"macaddress": nic.mac}, "set-name": _name(nic)}


def _name(nic: Nic) -> str:
    return f"port{nic.position}"


def _addressing(nic: NicRequest) -> Section:
    static = [] if nic.by_dhcp else [address for address in (nic.address, nic.address6) if address]
    # The virtual router's reservation is by MAC, so that no DUID must be shown.
    told: Section = {"addresses": static} if static else {"dhcp4": True, "dhcp-identifier": "mac"}
    if static and nic.is_default:
        told |= _way_out(nic)
    if static and nic.dns:
        told["nameservers"] = {"addresses": list(nic.dns)}
    told |= _ipv6(nic, static)
    if not nic.is_default:
        told |= {f"{dhcp}-overrides": {"route-metric": _FARTHER} for dhcp in ("dhcp4", "dhcp6") if dhcp in told}
    if nic.mtu:
        told["mtu"] = nic.mtu
    return told


def _ipv6(nic: NicRequest, static: Sequence[str]) -> Section:
    """Where CloudStack gives an address and a gateway, a second one of the router's own would only confuse.

    Where it gives a network alone, the router says by its advertisement whether by SLAAC or DHCPv6; `dhcp6` is the word
    for both that every renderer understands.
    """
    if nic.address6 in static:
        return {"accept-ra": False} if nic.gateway6 else {}
    return {"dhcp6": True, "accept-ra": True} if nic.routed6 or nic.address6 else {}


def _way_out(nic: NicRequest) -> Section:
    """The default routes, in the words that every renderer of cloud-init understands.

    cloud-init 22.4 (Debian 12) fails on `to: default` unless it writes for netplan, and turns a route to `::/0` into
    one to `::/64`; `gateway6`, deprecated in netplan, is right everywhere.
    """
    way: Section = {}
    if nic.gateway:
        way["routes"] = [{"to": "0.0.0.0/0", "via": nic.gateway}]
    if nic.gateway6 and nic.address6:
        way["gateway6"] = nic.gateway6
    return way
