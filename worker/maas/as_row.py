"""A machine of a MAAS region as a row of ours, and whether it can be had. Pure."""

from dataclasses import replace

from bmprov.maas import MaasMachine, Standing, status_words
from bmprov.model import Arch, BackEnd, Bmc, Machine, Nic, Region


def row_of(told: MaasMachine, address: str, region: Region) -> Machine:
    """A machine as MAAS tells of it; it has neither id nor state yet."""
    nics = tuple(
        Nic(nic.mac, position, nic.tags[0] if nic.tags else "", netboot=position == 0, home_vlan=nic.vlan_id)
        for position, nic in enumerate(told.nics)
    )
    return Machine(
        id="",
        name=told.hostname,
        bmc=Bmc(address, "", b""),
        nics=nics,
        arch=told.arch or Arch.X86_64,
        cpus=told.cpus,
        memory_mib=told.memory_mib,
        disk_gib=told.disk_gib,
        tags=told.tags,
        site=region.site,
        zone=region.zone or told.zone,
        pod=told.pool,
        back_end=BackEnd.MAAS,
    )


def at_home(nics: tuple[Nic, ...], before: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """NICs as they are told while somebody has the machine: home is where they were before."""
    homes = {nic.mac: nic.home_vlan for nic in before}
    return tuple(replace(nic, home_vlan=homes.get(nic.mac, nic.home_vlan)) for nic in nics)


def is_free(told: MaasMachine) -> bool:
    """Whether `allocate` would give it."""
    return told.standing is Standing.FREE and not told.locked


def why_not(told: MaasMachine) -> str:
    """Why it would not; empty when it would."""
    if is_free(told):
        return ""
    owner = f", owned by {told.owner}" if told.owner else ""
    locked = ", locked" if told.locked else ""
    why = f" ({told.status_message})" if told.status_message else ""
    return f"in MAAS it is {status_words(told.status)}{owner}{locked}{why}"
