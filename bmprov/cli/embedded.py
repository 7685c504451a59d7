"""The embedded defaults of `bmprov up`: SQLite, Valkey, and free ports of this host, without root.

What is chosen at the first start is written to the folder's settings file and kept, so that addresses are the same
after a restart. A settings file that is there already is completed, and never overruled but by an option.
"""

import random
import secrets
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from time import monotonic, sleep
from typing import Any

from bmprov import settings, tls
from bmprov.cli import valkey
from bmprov.cli.folder import Folder, write
from bmprov.errors import Fatal
from bmprov.settings import Settings
from bmprov.vault import Vault

LOOPBACK = "127.0.0.1"

# Both below those that the kernel gives to outgoing connections, which come and go; and apart, because a simulated BMC
# listens only once the ports of everything have been chosen.
SERVICE_PORTS = range(20_000, 22_000)
BMC_PORTS = range(22_000, 32_000)
_LEFTOVERS_S = 3.0  # the API's processes notice within a second that their `bmprov up` was killed
_LOOK_EVERY_S = 0.1


def settle(folder: Folder, listen: str | None, port: int | None) -> Settings:
    """The settings of this folder, completed and written down. Port 0 is a free one, unless the file has one.

    Raises:
        Fatal: the file is not usable.
    """
    found = settings.load(folder.settings) if folder.settings.exists() else None
    told = tomllib.loads(folder.settings.read_text()) if found else {}
    chosen = found or Settings()
    redis_port, api_port, http_port, console_port = free_ports(socket.SOCK_STREAM, 4)
    api = _api(told.get("api", {}), folder, api_port if port == 0 else None)
    wanted = replace(
        chosen,
        **_missing(told, _top(folder, redis_port)),
        api=replace(chosen.api, **api | _given(listen=listen, port=port)),
        console=replace(chosen.console, **_console(told.get("console", {}), api, listen, console_port)),
        pxe=replace(chosen.pxe, **_pxe(told.get("pxe", {}), http_port)),
    )
    if wanted != found:
        write(folder.settings, settings.dump(wanted))
    if "redis" not in told or folder.valkey_conf.exists():
        valkey.configure(folder, wanted.redis)
    return wanted


def make_secrets(chosen: Settings) -> None:
    """Make the key file and the certificate, unless they are there."""
    Vault.create_file(chosen.key_file)
    tls.ensure(chosen.api.certificate, chosen.api.key, tls.names_of(chosen.api.listen))


def check_ports(chosen: Settings, patience_s: float = _LEFTOVERS_S) -> None:
    """Return when every port that we are going to listen on is free.

    Raises:
        Fatal: another program has one.
    """
    until = monotonic() + patience_s
    while (taken := next(_taken(chosen), None)) and monotonic() < until:
        sleep(_LOOK_EVERY_S)  # nothing tells when a port becomes free
    if taken:
        name, why = taken
        check = "see who has it with `ss -lntup`; the API's port is --port, all are in the folder's bmprov.toml"
        raise Fatal(f"{name} cannot be listened on ({why})", check)


def free_ports(kind: socket.SocketKind, count: int, among: Sequence[int] = SERVICE_PORTS) -> list[int]:
    """Different ports of loopback on which nobody listens now, and which the kernel gives to nobody by itself.

    Raises:
        Fatal: there are not so many.
    """
    shuffled = random.sample(among, len(among))
    found = list(islice((port for port in shuffled if not _refusal(kind, LOOPBACK, port)), count))
    if len(found) < count:
        raise Fatal(f"there are no {count} free ports from {among[0]} to {among[-1]}", "ask for fewer machines")
    return found


def _top(folder: Folder, redis_port: int) -> dict[str, Any]:
    """The defaults of an `up` at the head of the file. The password keeps other users of this host out of Valkey."""
    return {
        "database": f"sqlite:///{folder.root / 'bmprov.db'}",
        "redis": f"redis://:{secrets.token_hex(24)}@{LOOPBACK}:{redis_port}/0",
        "key_file": folder.root / "secret.key",
        "images": folder.root / "images",
    }


def _api(told: Mapping[str, Any], folder: Folder, free_port: int | None) -> dict[str, Any]:
    own = {"certificate": folder.root / "api.pem", "key": folder.root / "api.key", **_given(port=free_port)}
    return _missing(told, own)


def _console(told: Mapping[str, Any], api: Mapping[str, Any], listen: str | None, free_port: int) -> dict[str, Any]:
    """The console listens where the API does, on a port of its own."""
    return _missing(told, {"port": free_port} if "port" in api else {}) | _given(listen=listen)


def _pxe(told: Mapping[str, Any], http_port: int) -> dict[str, Any]:
    """Network boot for simulated machines: on loopback, on ports that need no root."""
    own: dict[str, Any] = {"listen": LOOPBACK, "address": LOOPBACK, "http_port": http_port}
    own["dhcp_port"], own["proxy_port"], own["tftp_port"] = free_ports(socket.SOCK_DGRAM, 3)
    return _missing(told, own)


def _given(**options: object) -> dict[str, Any]:
    """The options that have a value; port 0 asks for any and is none."""
    return {name: value for name, value in options.items() if value}


def _missing(told: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name not in told}


def _taken(chosen: Settings) -> Iterator[tuple[str, str]]:
    """The addresses that cannot be had, and why."""
    pxe = chosen.pxe
    wanted = [
        ("the API's", socket.SOCK_STREAM, chosen.api.listen, chosen.api.port),
        ("the console's", socket.SOCK_STREAM, chosen.console.listen, chosen.console.port),
        ("network boot's HTTP", socket.SOCK_STREAM, pxe.listen, pxe.http_port),
        ("network boot's DHCP", socket.SOCK_DGRAM, pxe.listen, pxe.dhcp_port),
        ("network boot's TFTP", socket.SOCK_DGRAM, pxe.listen, pxe.tftp_port),
    ]
    if pxe.dns_port:
        at = pxe.dns_listen
        wanted += [("network boot's DNS", kind, at, pxe.dns_port) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    for whose, kind, address, port in wanted:
        why = _refusal(kind, address, port)
        if why:
            yield f"{whose} port {port} of {address}", why


def _refusal(kind: socket.SocketKind, address: str, port: int) -> str:
    """Why this port cannot be listened on; empty when it can."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; closed connections linger
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
