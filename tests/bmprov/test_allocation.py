"""Which machine fits: pure rules, tried on machines that differ in one thing at a time."""

from dataclasses import replace

import pytest

from bmprov.allocation import Need, lacks, no_capacity
from bmprov.model import Arch, Bmc, BondMode, BootMode, Machine, Nic

MACHINE = Machine(
    id="1",
    name="rack1-07",
    bmc=Bmc("ipmi://10.0.0.7:623", "admin", b""),
    nics=(Nic("52:54:00:00:00:01", 0),),
    cpus=8,
    memory_mib=65536,
    disk_gib=480,
    tags=("ssd", "gpu"),
    zone="z1",
    pod="p1",
    rack="r1",
)


@pytest.mark.parametrize(
    "need",
    [
        Need(),
        Need(cpus=8, memory_mib=65536, disk_gib=480, nics=1),
        Need(
            arch=Arch.X86_64, boot_mode=BootMode.UEFI, tags=("gpu",), zone="z1", pod="p1", rack="r1", machine="rack1-07"
        ),
    ],
)
def test_a_machine_that_has_everything_lacks_nothing(need: Need) -> None:
    """Minima are met by equality, names by being the same, tags by being among the machine's."""
    assert lacks(MACHINE, need) == ()


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Need(cpus=16), "8 of 16 cpus"),
        (Need(memory_mib=131072), "65536 of 131072 MiB of memory"),
        (Need(disk_gib=1000), "480 of 1000 GiB of disk"),
        (Need(nics=2), "1 of 2 NICs"),
        (Need(arch=Arch.AARCH64), "architecture x86_64 instead of aarch64"),
        (Need(boot_mode=BootMode.BIOS), "boot mode uefi instead of bios"),
        (Need(tags=("ssd", "nvme")), "tag nvme missing"),
        (Need(zone="z2"), "zone z1 instead of z2"),
        (Need(machine="rack1-08"), "name rack1-07 instead of rack1-08"),
        (Need(not_tags=("gpu", "noisy")), "tag gpu is not wanted"),
        (Need(system_id="4y3h7n"), "MAAS system id none instead of 4y3h7n"),
    ],
)
def test_what_a_machine_lacks_is_said(need: Need, words: str) -> None:
    """Each shortage is told in figures that an operator can compare."""
    assert lacks(MACHINE, need) == (words,)


def test_a_bond_is_one_nic() -> None:
    """It has the tags of all its members."""
    bond = {"bond": "bond0", "bond_mode": BondMode.LACP}
    members = (Nic("52:54:00:00:00:01", 0, "front", **bond), Nic("52:54:00:00:00:02", 1, "back", **bond))
    bonded = replace(MACHINE, nics=members)
    assert lacks(bonded, Need(nics=1, nic_tags=("front", "back"))) == ()
    assert lacks(bonded, Need(nics=2)) == ("1 of 2 NICs, each bond counted as one",)
    assert lacks(replace(MACHINE, nics=(*members, Nic("52:54:00:00:00:03", 2))), Need(nics=2)) == ()


def test_a_machine_of_maas_has_a_name_there() -> None:
    """It is the end of its address; another scheme's path is none."""
    theirs = replace(MACHINE, bmc=replace(MACHINE.bmc, address="maas://lab/4y3h7n"))
    assert lacks(theirs, Need(system_id="4y3h7n")) == ()
    assert lacks(theirs, Need(system_id="lab")) == ("MAAS system id 4y3h7n instead of lab",)
    redfish = replace(MACHINE, bmc=replace(MACHINE.bmc, address="redfish://10.0.0.7/4y3h7n"))
    assert lacks(redfish, Need(system_id="4y3h7n")) == ("MAAS system id none instead of 4y3h7n",)


def test_what_is_asked_for_is_said_in_full() -> None:
    """Wanted and unwanted tags, and the machine by either name."""
    need = Need(tags=("gpu", "ssd"), not_tags=("noisy",), machine="rack1-08", system_id="4y3h7n")
    assert str(need) == "tags gpu,ssd, without the tags noisy, machine rack1-08, MAAS system id 4y3h7n"


def test_no_capacity_names_the_nearest_machine() -> None:
    """The refusal says what was asked for and what the machine that lacks least has instead."""
    small = replace(MACHINE, id="2", name="small", cpus=2, memory_mib=1024)
    refusal = no_capacity(Need(cpus=16, tags=("gpu",)), [small, MACHINE])
    assert str(refusal) == "no free machine for 16 cpus, tags gpu: the nearest, small, has 2 of 16 cpus"
    refusal = no_capacity(Need(cpus=16, memory_mib=2048), [small, MACHINE])
    assert "the nearest, rack1-07, has 8 of 16 cpus" in str(refusal)


def test_no_capacity_without_any_machine() -> None:
    """An empty pool is told as such."""
    assert "no machine is available at all" in str(no_capacity(Need(cpus=1), []))
