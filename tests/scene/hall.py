"""What stands in the hall and who works there: machines with instances, images, people, switches, a MAAS region."""

import json
import random
import uuid
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from sqlalchemy import update

from bmprov.api.credentials import issue
from bmprov.cabling import ManagedSwitch
from bmprov.lifecycle import State
from bmprov.model import Arch, Bmc, BootMode, Image, Instance, Machine, Nic, PowerReading, Region, Role
from bmprov.orders import Caller, NewPerson, NewWebhook
from bmprov.power import Power
from bmprov.services import Services
from bmprov.sim import virtual_machine as cloudstack
from bmprov.store import Store, Transaction, schema
from bmprov.vlans import VlanRanges
from bmprov.webhook import SUBSCRIBED, NoticeKind

PASSWORD = "correct horse battery"
DESK = "10.0.4.12"
CLOUD = "10.0.0.5"

_GIB = 2**30
_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_RACKS = {"a1": "hall-a", "a2": "hall-a", "a3": "hall-a", "b1": "hall-b", "b2": "hall-b", "b3": "hall-b"}
_IN_RACK = 20
_TWO_UNITS, _GAPS = 14, (5, 13)
_NAMES = ("web", "db", "ci", "cache", "kube", "build", "mail", "queue")
_PEOPLE = {"ann": Role.ADMIN, "bob": Role.OPERATOR, "vera": Role.VIEWER}
_WEBHOOKS = {"tickets": SUBSCRIBED, "night-shift": (NoticeKind.POWER, NoticeKind.MACHINE_ERROR)}
_HARDWARE = {1: (32, 128 * 1024, 960), 2: (64, 256 * 1024, 1920), 4: (32, 192 * 1024, 88_000)}
_BOTH = (BootMode.BIOS, BootMode.UEFI)
_ODD = ("its loader lies where firmwares do not look for it on a new disk",)
_IMAGES = (
    ("debian-12", "raw.zst", 0.28, 2.0, _BOTH, ()),
    ("rocky-9", "raw.zst", 0.62, 10.0, _BOTH, ()),
    ("ubuntu-24.04", "raw.zst", 0.55, 3.5, (BootMode.UEFI,), ()),
    ("vendor-appliance", "raw", 8.0, 8.0, (BootMode.UEFI,), _ODD),
)


class Clock:
    """A clock that is set back for what happened before."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.behind_s = 0.0

    def __call__(self) -> float:
        return self.now - self.behind_s


@dataclass
class Scene:
    """What is being written. `clock` is the store's; `free` are the machines that the story has other plans for."""

    services: Services
    clock: Clock
    free: AbstractSet[str] = frozenset()
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def store(self) -> Store:
        return self.services.store

    @contextmanager
    def ago(self, behind_s: float) -> Iterator[Transaction]:
        """A transaction of so long ago."""
        self.clock.behind_s = behind_s
        try:
            with self.store.write() as transaction:
                yield transaction
        finally:
            self.clock.behind_s = 0.0

    def id(self) -> str:
        """The next id, the same in each run."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def asked(self, number: int) -> bytes:
        """What CloudStack asked for an instance, as the service keeps it: one network of its tenant."""
        vlan = 1500 + number % 90
        nic = cloudstack.Nic(f"02:00:4c:9f:00:{number % 256:02x}", f"192.0.2.{10 + number % 200}", str(vlan))
        asked = cloudstack.virtual_machine(number, [nic], uefi=True)
        payload = {
            "externaldetails": {"virtualmachine": asked.external_for("create")},
            "virtualmachineid": asked.uuid,
            "virtualmachinename": asked.name,
            "cloudstack.vm.details": asked.details,
        }
        return self.services.vault.seal(json.dumps(payload).encode())


def furnish(scene: Scene) -> None:
    """Put everything there."""
    _people(scene)
    images = [_image(scene, *one) for one in _IMAGES]
    for rack, zone in _RACKS.items():
        _fill(scene, rack, zone, images[:3])
    _neighbours(scene)


def _people(scene: Scene) -> None:
    scene.clock.behind_s = 30 * _DAY_S
    for name, role in _PEOPLE.items():
        scene.services.orders.add_person(NewPerson(name, role, PASSWORD), Caller("bmprov", Role.ADMIN))
    with scene.store.write() as transaction:
        for name, role, cloud in (("cloudstack", Role.CLOUD, "fra"), ("prometheus", Role.VIEWER, "")):
            token, _ = issue(name, role, cloud, transaction.now)
            transaction.tokens.add(token)
            transaction.events.add("token created", actor="ann", origin=DESK, detail=f"{name}, role {role}")
    for name, kinds in _WEBHOOKS.items():
        new = NewWebhook(name, f"https://{name}.example/hooks/bmprov", kinds)
        scene.services.orders.add_webhook(new, Caller("ann", Role.ADMIN, origin=DESK))
    scene.clock.behind_s = 0.0


def _image(
    scene: Scene,
    name: str,
    kind: str,
    stored_gib: float,
    disk_gib: float,
    modes: tuple[BootMode, ...],
    remarks: tuple[str, ...],
) -> Image:
    digest = f"{scene.dice.getrandbits(256):064x}"
    image = Image(
        id=scene.id(),
        name=name,
        format=kind,
        sha256=digest,
        size_bytes=int(stored_gib * _GIB),
        raw_tree_sha512=digest * 2,
        raw_size_bytes=int(disk_gib * _GIB),
        arch=Arch.X86_64,
        layout="gpt",
        boot_modes=modes,
        min_disk_bytes=int(disk_gib * _GIB) + 18 * 2**20,
        remarks=remarks,
    )
    with scene.ago(scene.dice.uniform(2, 40) * _DAY_S) as transaction:
        transaction.images.add(replace(image, created_at=transaction.now))
        transaction.events.add("image added", actor="ann", origin=DESK, detail=f"{name}, sha256 {digest[:12]}…")
    return image


def _fill(scene: Scene, rack: str, zone: str, images: list[Image]) -> None:
    """Twenty machines from the bottom up: large ones below, and some units left free."""
    unit = 1
    for placed in range(_IN_RACK):
        height = 4 if placed < 2 and rack.endswith("3") else 2 if placed < _TWO_UNITS else 1
        machine, instance = _machine(scene, rack, zone, unit, height, images)
        with scene.ago(scene.dice.uniform(20, 60) * _DAY_S) as transaction:
            transaction.machines.add(machine)
            if instance:
                transaction.instances.add(replace(instance, created_at=transaction.now))
                given = update(schema.machines).where(schema.machines.c.id == machine.id)
                transaction.connection.execute(given.values(instance_id=instance.id))
        unit += height + (1 if placed in _GAPS else 0)


def _machine(
    scene: Scene, rack: str, zone: str, unit: int, height: int, images: list[Image]
) -> tuple[Machine, Instance | None]:
    number, dice, name = next(scene.numbers), scene.dice, f"{rack}-{unit:02d}"
    cpus, memory_mib, disk_gib = _HARDWARE[height]
    active, enrolled = dice.random() < 0.66, dice.random() < 0.1
    active &= name not in scene.free
    idle = State.ENROLLED if enrolled and name not in scene.free else State.AVAILABLE
    instance_id, machine_id, image = scene.id(), scene.id(), dice.choices(images, [6, 3, 2])[0]
    called = f"{dice.choice(_NAMES)}-{number}"
    ports = ((f"0c:c4:7a:{port:02x}:{number // 256:02x}:{number % 256:02x}", port) for port in (0, 1))
    machine = Machine(
        id=machine_id,
        name=name,
        bmc=Bmc(f"ipmi://10.20.0.{number + 9}:623", "bmprov", b"sealed"),
        nics=tuple(Nic(mac, port, netboot=port == 0) for mac, port in ports),
        cpus=cpus,
        memory_mib=memory_mib,
        disk_gib=disk_gib,
        tags=("storage",) if height == max(_HARDWARE) else ("ssd", "gpu") if number % 17 == 0 else ("ssd",),
        zone=zone,
        rack=rack,
        rack_position=unit,
        height_u=height,
        state=State.ACTIVE if active else idle,
        reading=PowerReading(Power.ON if active else Power.OFF, scene.clock() - dice.uniform(2, 28)),
    )
    if not active:
        return machine, None
    return machine, Instance(instance_id, called, "fra", "host-1", machine_id, scene.asked(number), image.id)


def _neighbours(scene: Scene) -> None:
    """What stands beside the machines: switches that bmprov sets, and a MAAS region."""
    vlans = VlanRanges.parse("1500-1599")
    with scene.ago(50 * _DAY_S) as transaction:
        for number, rack in enumerate(_RACKS, 10):
            address = f"eos://10.21.0.{number}"
            transaction.switches.add(
                ManagedSwitch(f"switch-{rack}", f"tor-{rack}", address, "bmprov", b"", b"", 99, 666, vlans)
            )
        region = Region(scene.id(), "lab-maas", "https://maas.lab.example:5240/MAAS", b"sealed")
        transaction.regions.add(region)
    with scene.ago(20) as transaction:
        for rack in _RACKS:
            transaction.switches.heard(f"switch-{rack}")
        transaction.regions.heard(region.id, version="3.5.2")
