"""Machines to enrol, from options or from a file, checked as a whole before the first of them is sent.

A file is YAML: a list of machines with the fields of the API (`MachineIn`), except that `bmc` may be a URL with the
user in it, and that the password stands elsewhere: `password_file` names a file, `password_env` a variable.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import SecretStr, ValidationError

from bmprov.api.shapes.base import Request
from bmprov.api.shapes.machine import BmcsIn, MachineIn
from bmprov.api.shapes.nic import NicIn, NicsOrder
from bmprov.carrier import is_bond
from bmprov.errors import Invalid

Bmcs = TypeVar("Bmcs", bound=BmcsIn)
Shape = TypeVar("Shape", bound=Request)

NIC_FORM = "MAC[,TAG][,netboot][,BOND=MODE][,SWITCH=PORT[=AGGREGATE]]"
"""How a NIC is written in an option, or in a file."""

PASSWORD_ENV = "BMPROV_BMC_PASSWORD"  # noqa: S105 - the name of a variable

_PASSWORD_CHARS = 255
_SOURCES = ("password_file", "password_env")
_SECTION = "machines"
_BMCS = ("bmc", "second_bmc")
_CABLE, _BOND = ("switch", "port", "aggregate"), ("bond", "bond_mode")
_NIC_FACTS = ("mac", "netboot", "bond", "bond_mode")


def bmc_of(url: str) -> dict[str, object]:
    """The address and the user of `ipmi://user@host:port`.

    Raises:
        Invalid: a password stands in it, where everybody can read it.
    """
    address, user, password = url, "", None
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), parts.password
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    except ValueError:
        pass  # the checks of the API's own shape say what is wrong with an address
    if password is not None:
        raise Invalid(
            "a BMC's password does not belong in its address",
            f"leave it out: it is asked for, or read from --password-file or {PASSWORD_ENV}",
        )
    return {"address": address, "user": user}


def nic_of(text: str) -> dict[str, object]:
    """The NIC in `mac[,tag][,netboot][,bond=mode][,switch=port[=aggregate]]`; a word `bond0=…` is about a bond.

    Raises:
        Invalid: it has more than one tag, bond or cable.
    """
    mac, *words = text.split(",")
    pairs = [word.split("=") for word in words if "=" in word]
    bonds = [pair for pair in pairs if is_bond(pair[0])]
    cables = [pair for pair in pairs if pair not in bonds]
    tags = [word for word in words if word != "netboot" and "=" not in word]
    for what, found in (("tags", tags), ("bonds", bonds), ("cables", cables)):
        if len(found) > 1:
            raise Invalid(f"NIC '{text}' has {len(found)} {what}", f"it is {NIC_FORM}")
    if any(len(pair) > len(names) for names, pairs in ((_BOND, bonds), (_CABLE, cables)) for pair in pairs):
        raise Invalid(f"NIC '{text}' has a word with too many parts", f"it is {NIC_FORM}")
    told: dict[str, object] = {"mac": mac, "netboot": "netboot" in words}
    told |= {"tag": tags[0]} if tags else {}
    told |= dict(zip(_BOND, bonds[0], strict=False)) if bonds else {}
    return told | (dict(zip(_CABLE, cables[0], strict=False)) if cables else {})


def password_from(file: Path) -> str:
    """A password that stands in a file, without the line's end.

    Raises:
        Invalid: the file cannot be read.
    """
    try:
        return file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the password file {file} cannot be read ({error})", "look at its name and its owner") from error


def read(file: Path) -> list[MachineIn]:
    """The machines of a file.

    Raises:
        Invalid: the file or a machine in it is wrong, or two machines share what only one can have.
    """
    try:
        entries = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{file} cannot be read ({_one_line(error)})", "it is a YAML list of machines") from error
    if isinstance(entries, Mapping):
        entries = entries.get(_SECTION)
    if not isinstance(entries, list) or not entries:
        raise Invalid(f"{file} holds no list of machines", "see docs/cli.md for an example")
    machines = [_machine(place, entry, file.parent) for place, entry in enumerate(entries, 1)]
    _refuse_doubles(machines)
    return machines


def check(fields: Mapping[str, object], where: str) -> MachineIn:
    """The machine with these fields.

    Raises:
        Invalid: a field is wrong; the sentence names it and never quotes it.
    """
    return _checked(MachineIn, fields, where)


def check_bmcs(fields: Mapping[str, object], where: str) -> BmcsIn:
    """The BMCs with these fields.

    Raises:
        Invalid: as `check` has it.
    """
    return _checked(BmcsIn, fields, where)


def check_nics(nics: Iterable[str], where: str) -> NicsOrder:
    """The NICs in `mac[,tag][,netboot][,bond=mode]`.

    Raises:
        Invalid: as `check` has it.
    """
    return _checked(NicsOrder, {"nics": [nic_of(nic) for nic in nics]}, where)


def _checked(shape: type[Shape], fields: Mapping[str, object], where: str) -> Shape:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        why = str(first["msg"]).removeprefix("Value error, ")
        raise Invalid(
            f"{where}: '{field}': {why}" if field else f"{where}: {why}", "docs/cli.md names every field"
        ) from None


def differences(wanted: MachineIn, known: Mapping[str, Any], cables: Mapping[str, Any]) -> list[str]:
    """The fields in which an enrolled machine, as the API shows it, is not the wanted one. Passwords are not shown.

    `cables` are the places that people have entered, by MAC; a NIC whose cable the file does not tell may have any.
    """
    secret = {"user", "password"}
    told = wanted.model_dump(mode="json", exclude={"bmc": secret, "second_bmc": secret})
    nics = ({name: nic[name] for name in _NIC_FACTS} | {"tag": nic["tag"] or ""} for nic in told["nics"])
    told["nics"] = [
        nic | {"position": place, "bond": nic["bond"] or "", "cabling": None} for place, nic in enumerate(nics)
    ]
    other = [name for name, value in told.items() if known.get(name) != value]
    moved = [nic for nic in wanted.nics if nic.cable and cables.get(nic.mac) != _place(nic)]
    return sorted(other + (["cables"] if moved else []))


def _place(nic: NicIn) -> dict[str, Any]:
    """A NIC's cable as the API shows it."""
    return {"switch": nic.switch, "port": nic.port, "aggregate": nic.aggregate or None}


def body(machine: MachineIn) -> dict[str, Any]:
    """The request that enrols a machine, with its password in the clear."""
    return machine.model_dump(mode="json", exclude={*_BMCS}) | bmcs(machine)


def bmcs(machine: BmcsIn) -> dict[str, Any]:
    """The part of a request that says where the BMCs are, with their passwords in the clear."""
    given = {name: getattr(machine, name) for name in _BMCS}
    return {
        name: bmc and bmc.model_dump(mode="json") | {"password": bmc.password.get_secret_value()}
        for name, bmc in given.items()
    }


def _machine(place: int, entry: object, folder: Path) -> MachineIn:
    if not isinstance(entry, Mapping):
        raise Invalid(f"machine {place} of the file is no mapping", "each machine begins with `- name: …`")
    where = f"machine {place} ({entry.get('name', 'without a name')})"
    fields = {name: value for name, value in entry.items() if name not in _SOURCES}
    fields |= {name: bmc_of(fields[name]) for name in _BMCS if isinstance(fields.get(name), str)}
    if isinstance(fields.get("nics"), Sequence) and not isinstance(fields["nics"], str):
        fields["nics"] = [nic_of(nic) if isinstance(nic, str) else nic for nic in fields["nics"]]
    machine = check(fields, where)
    password = _password(entry, folder, where)
    return machine if password is None else with_password(machine, password)


def _password(entry: Mapping[str, object], folder: Path, where: str) -> str | None:
    """The password from where the entry says; None when it says nothing."""
    named = [source for source in _SOURCES if source in entry]
    if len(named) > 1:
        raise Invalid(f"{where} has two passwords", "keep one of password_file and password_env")
    if "password_file" in named:
        return password_from(folder / str(entry["password_file"]))
    variable = str(entry["password_env"]) if named else PASSWORD_ENV
    if named and variable not in os.environ:
        raise Invalid(f"{where}: the variable {variable} is not set", "set it to the BMC's password")
    return os.environ.get(variable)


def with_password(machine: Bmcs, password: str) -> Bmcs:
    """The machine with the password of its BMC, or of both.

    Raises:
        Invalid: no BMC has such a long one.
    """
    if len(password) > _PASSWORD_CHARS:
        raise Invalid(f"a BMC's password is longer than {_PASSWORD_CHARS} characters", "look at its file")
    given = {name: getattr(machine, name) for name in _BMCS}
    secret = {"password": SecretStr(password)}
    return machine.model_copy(update={name: bmc.model_copy(update=secret) for name, bmc in given.items() if bmc})


def _refuse_doubles(machines: Iterable[MachineIn]) -> None:
    listed = list(machines)
    kinds = {
        "name": [machine.name for machine in listed],
        "BMC": [bmc.address for machine in listed for bmc in (machine.bmc, machine.second_bmc) if bmc],
        "MAC": [nic.mac for machine in listed for nic in machine.nics],
        "port": [f"{nic.port} of {nic.switch}" for machine in listed for nic in machine.nics if nic.port],
    }
    for kind, values in kinds.items():
        value, count = Counter(values).most_common(1)[0] if values else ("", 0)
        if count > 1:
            raise Invalid(f"{kind} {value} stands {count} times in the file", "each machine has its own")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
