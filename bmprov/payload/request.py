"""The payload as a whole: who is asking for what."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.errors import Invalid
from bmprov.model import Arch, BootMode
from bmprov.payload.choice import DETAILS, Choice, parse_choice
from bmprov.payload.nic import NicRequest, parse_nics
from bmprov.payload.reading import ARCHES, Reader
from bmprov.payload.seed import Seed, host_name, parse_seed

_INSTANCE = "cloudstack.vm.details"
_MIB_BYTES = 2**20
_BOOT_MODES = {"bios": BootMode.BIOS, "uefi": BootMode.UEFI}
_TELLING = {"maas_url"}  # hosts of several MAAS regions often differ in nothing else
# What an operator may change at any time (defaults, secrets) does not tell hosts apart.
_CHANGING = re.compile(
    "|".join([*(f"^{key}$" for key in DETAILS if key not in _TELLING), "password|secret|token|key"]), re.IGNORECASE
)


@dataclass(frozen=True)
class InstanceRef:
    """Which instance: its UUID, and its internal name (`i-2-34-VM`) when the payload has it."""

    instance_id: str
    name: str


@dataclass(frozen=True)
class InstanceRequest:
    """An instance that shall be. Figures are minima; None means that nothing was said."""

    instance_id: str
    name: str
    host: str
    cpus: int | None
    memory_mib: int | None
    arch: Arch | None
    boot_mode: BootMode | None
    nics: tuple[NicRequest, ...]
    choice: Choice
    seed: Seed


def parse_ref(payload: Mapping[str, Any]) -> InstanceRef:
    """Which instance `start`, `stop`, `reboot`, `delete` and `status` are about. Nothing else is looked at.

    Raises:
        Invalid: there is no UUID.
    """
    reader = Reader.of(payload, "")
    text = reader.text("virtualmachineid") or reader.object(_INSTANCE).text("uuid")
    if text is None:
        raise Invalid("the payload has no 'virtualmachineid'", "it must be what CloudStack wrote")
    try:
        instance_id = str(uuid.UUID(text))
    except ValueError:
        raise Invalid("the payload's 'virtualmachineid' is not a UUID", f"it is '{text[:60]}'") from None
    return InstanceRef(
        instance_id, reader.text("virtualmachinename") or reader.object(_INSTANCE).text("name") or instance_id
    )


def parse_host(payload: Mapping[str, Any]) -> str:
    """A stable name for the CloudStack host that asks, since the payload has no id of it.

    The detail `host`, where the operator has set one on the host; else a digest of the host's and the cluster's
    details, which are the same in every call for that host.
    """
    details = Reader.of(payload, "").object("externaldetails")
    named = details.object("host").text("host")
    if named:
        return named
    told = {key: details.object(key).without(_CHANGING) for key in ("resourcemap", "host")}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def parse_request(payload: Mapping[str, Any]) -> InstanceRequest:
    """The instance that `prepare` and `create` ask for.

    Raises:
        Invalid: the sentence names the key that is missing or makes no sense.
    """
    ref = parse_ref(payload)
    reader = Reader.of(payload, "")
    if reader.raw(_INSTANCE) is None:
        raise Invalid(f"the payload has no '{_INSTANCE}'", "it must be what CloudStack wrote")
    instance = reader.object(_INSTANCE)
    details = instance.object("details")
    choice = parse_choice(reader.object("externaldetails"), details)
    hostname = host_name(choice.hostname, instance.text("hostName"), details.text("displayName"), ref.name)
    return InstanceRequest(
        instance_id=ref.instance_id,
        name=ref.name,
        host=parse_host(payload),
        cpus=instance.figure("cpus"),
        memory_mib=_mib(instance),
        arch=instance.one_of("arch", ARCHES) or choice.arch,
        boot_mode=_boot_mode(instance, reader.object("externaldetails").object("virtualmachine")),
        nics=parse_nics(instance, choice.nics),
        choice=choice,
        seed=parse_seed(instance, hostname),
    )


def prepare_answer(request: InstanceRequest, macs: Mapping[str, str], details: Mapping[str, str]) -> dict[str, Any]:
    """What `prepare` prints: the MACs that the network will see, and details that come back with every later call.

    `macs` are the real ones, by `nicUuid`. A NIC that imposes CloudStack's MAC on them keeps it.

    Each NIC carries both `uuid` (its network's) and `nicUuid`, because CloudStack merges by the first and updates by
    the second (`JsonMergeUtil`).
    """
    nics = [
        {"uuid": nic.network_uuid, "nicUuid": nic.nic_uuid, "mac": nic.mac_on(macs[nic.nic_uuid])}
        for nic in request.nics
        if nic.nic_uuid in macs
    ]
    return {"nics": nics, "details": dict(details)}


def _boot_mode(instance: Reader, details: Reader) -> BootMode | None:
    """The detail `boot_mode`, else UEFI when CloudStack says so; its BIOS is what it says when nobody chose."""
    told = instance.one_of("bootType", _BOOT_MODES)
    return details.one_of("boot_mode", _BOOT_MODES) or (told if told is BootMode.UEFI else None)


def _mib(instance: Reader) -> int | None:
    size_bytes = instance.figure("minRam")
    return None if size_bytes is None else -(-size_bytes // _MIB_BYTES)
