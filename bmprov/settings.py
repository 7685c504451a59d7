"""The settings of every process, read once, by an entry point, from one TOML file.

The file is the one named by `--config` or `BMPROV_CONFIG`, else `/etc/bmprov/bmprov.toml`. A key that is not known is
an error, because a misspelt setting that is silently ignored costs a night.
"""

import re
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from urllib.parse import urlsplit

from bmprov.actions import ACTIONS
from bmprov.errors import Fatal
from bmprov.subnet import Subnet, refuse_overlaps
from bmprov.toml_tables import build, written
from bmprov.vlan_map import VlanMap
from bmprov.web_settings import WebSettings

DEFAULT_PATH = Path("/etc/bmprov/bmprov.toml")

_KERNEL_ARGUMENTS = re.compile(r"[A-Za-z0-9=,.:_/ -]{0,80}")  # what iPXE and GRUB take as it is; DHCP has room for 80

_DOMAIN = re.compile(r"(?=.{1,120}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_DNS_PORT = 53


@dataclass(frozen=True)
class ApiSettings:
    """`[api]`: where the REST API and the web page listen, always with TLS.

    `user_actions` are custom actions that CloudStack's tenants (role type `User`) may take although they can destroy
    work or change the BMC: names of `bmprov.actions`.
    """

    listen: str = "127.0.0.1"
    port: int = 8443
    certificate: Path = Path("/etc/bmprov/api.pem")
    key: Path = Path("/etc/bmprov/api.key")
    processes: int = 2
    threads: int = 8
    reservation_s: float = 1800.0
    user_actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.user_actions) - set(ACTIONS)):
            raise ValueError(f"api.user_actions has '{unknown[0]}', and there are {', '.join(ACTIONS)}")


@dataclass(frozen=True)
class WorkerSettings:
    """`[worker]`: how steps run. A worker whose lease has run out is thought dead.

    `bmc_pause_s` lies between two sessions with the same BMC, of the watch too: weak BMCs forget to free the first.
    A switch that does not answer, or that others hold, is asked again for `switch_s`.
    `maas_deploy_s` is how long MAAS may take to deploy a machine, `maas_release_s` to give one back, disks erased.
    """

    step_s: float = 15.0
    lease_s: float = 20.0
    ramdisk_s: float = 900.0
    image_s: float = 3600.0
    power_look_s: float = 60.0
    shutdown_s: float = 60.0
    switch_s: float = 600.0
    maas_deploy_s: float = 3600.0
    maas_release_s: float = 14_400.0
    maas_look_s: float = 60.0
    retry_first_s: float = 1.0
    retry_cap_s: float = 30.0
    tries: int = 6
    bmc_pause_s: float = 0.1


@dataclass(frozen=True)
class WatchSettings:
    """`[watch]`: how often readings are refreshed and how many BMCs are read at once.

    `regions_s` is how often the machines of each MAAS region are listed, in one call that may take `regions_read_s`;
    `regions_look_s` is how often those machines are asked after that an operation waits for.
    """

    tick_s: float = 0.25
    sweep_s: float = 30.0
    sweep_concurrency: int = 128
    read_s: float = 5.0
    freshness_s: float = 90.0
    regions_s: float = 30.0
    regions_read_s: float = 60.0
    regions_look_s: float = 5.0


@dataclass(frozen=True)
class ConsoleSettings:
    """`[console]`: serial consoles in the browser, with the API's certificate.

    `url` is where browsers reach this service, such as `https://console.example`; without it, it is the name that the
    API was called by, with `port`. `record` is a folder in which what machines write is kept; without it nothing is.
    """

    listen: str = "127.0.0.1"
    port: int = 8444
    url: str = ""
    record: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if self.url and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("console.url is not of the form https://HOST[:PORT]")


@dataclass(frozen=True)
class PxeSettings:
    """`[pxe]`: the network-boot services of one site.

    `address` is what machines are told to fetch from; `listen` is what the sockets bind. `range_first` to `range_last`
    are given to machines by DHCP inside `network`. `idle` is for a machine that tries the network while no operation
    wants it to: with `disk` it is told to boot its disk at once, with `ignore` it waits for its firmware's timeouts.
    `kernel_arguments` are more words for the ramdisk's kernel: `console=ttyS0,115200n8` shows it on a serial console.
    `media_url` is where BMCs fetch the ramdisk's CD from, such as `http://10.2.0.1:8080`; without it, it is `address`.
    `networks` are more of them, behind DHCP relays. `dns_port` of 0 is no DNS. `forwarders` are the servers (`ADDRESS`
    or `ADDRESS:PORT`) that what is not ours is asked of; without one it is refused.
    """

    listen: str = "0.0.0.0"
    address: str = "127.0.0.1"
    interface: str = ""
    mode: str = "server"
    idle: str = "disk"
    dhcp_port: int = 67
    proxy_port: int = 4011
    tftp_port: int = 69
    http_port: int = 8080
    network: IPv4Network = IPv4Network("127.0.0.0/8")
    range_first: IPv4Address = IPv4Address("127.66.0.10")
    range_last: IPv4Address = IPv4Address("127.66.255.250")
    router: str = ""
    dns: tuple[str, ...] = ()
    networks: tuple[Subnet, ...] = ()
    dns_port: int = 0
    domain: str = "bmprov.internal"
    forwarders: tuple[str, ...] = ()
    lease_s: float = 600.0
    loaders: Path = Path("/usr/lib/ipxe")
    kernel_arguments: str = ""
    media_url: str = ""
    processes: int = 2
    threads: int = 64

    def __post_init__(self) -> None:
        if not _KERNEL_ARGUMENTS.fullmatch(self.kernel_arguments):
            raise ValueError("pxe.kernel_arguments has more than 80 characters, or some that the loaders would act on")
        parts = urlsplit(self.media_url)
        if self.media_url and (parts.scheme not in ("http", "https") or not parts.hostname or parts[2:] != ("",) * 3):
            raise ValueError("pxe.media_url is not of the form http://HOST[:PORT]")
        for subnet in self.networks:
            subnet.check()
        if self.networks:
            refuse_overlaps(self.subnets)
        if not _DOMAIN.fullmatch(self.domain):
            raise ValueError("pxe.domain is no domain name, such as bmprov.internal")
        if (self.address, self.dns_port) in self.forwarder_addresses:
            raise ValueError("pxe.forwarders has the address of this DNS server itself")

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """All provisioning networks: the one that this host is on, and those behind relays."""
        return (Subnet(self.network, self.range_first, self.range_last, self.router), *self.networks)

    @property
    def forwarder_addresses(self) -> tuple[tuple[str, int], ...]:
        """Address and port of each forwarder."""
        return tuple(_forwarder(text) for text in self.forwarders)

    @property
    def dns_listen(self) -> str:
        """What DNS binds: one address, because a resolver of the host's own has port 53 of another."""
        return self.address if self.listen == "0.0.0.0" else self.listen

    @property
    def dns_told(self) -> tuple[str, ...]:
        """What DHCP names as DNS servers: this one, if it runs where clients look for it, unless others are set."""
        return self.dns or ((self.address,) if self.dns_port == _DNS_PORT else ())

    @property
    def http_url(self) -> str:
        """The base of every address that a booting machine is given."""
        return f"http://{self.address}:{self.http_port}"

    @property
    def media_base(self) -> str:
        """The base of every address that a BMC is given."""
        return self.media_url or self.http_url


@dataclass(frozen=True)
class NetworkSettings:
    """`[network]`: which VLANs carry networks of CloudStack's that are no VLANs, where bmprov sets switches.

    `mappings` are texts such as `vxlan://5000-5099=1500-1599` and `vlan://untagged=12`.
    """

    mappings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        VlanMap.parse(self.mappings)

    @property
    def vlan_map(self) -> VlanMap:
        """The same, to be asked."""
        return VlanMap.parse(self.mappings)


@dataclass(frozen=True)
class Settings:
    """Everything. The top-level keys of the file come first, its tables after them."""

    database: str = "sqlite:////var/lib/bmprov/bmprov.db"
    redis: str = "redis://127.0.0.1:6379/0"
    key_file: Path = Path("/etc/bmprov/secret.key")
    images: Path = Path("/var/lib/bmprov/images")
    site: str = "default"
    log_format: str = "json"
    api: ApiSettings = field(default_factory=ApiSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    web: WebSettings = field(default_factory=WebSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    pxe: PxeSettings = field(default_factory=PxeSettings)


def _forwarder(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        address = IPv4Address(text.partition(":")[0])
        return str(address), parts.port or _DNS_PORT
    except ValueError as error:
        raise ValueError(f"pxe.forwarders has '{text}', which is not of the form ADDRESS[:PORT]") from error


def load(path: Path) -> Settings:
    """The settings in `path`.

    Raises:
        Fatal: the file cannot be read, is not TOML, or has a key or a value that makes no sense.
    """
    try:
        return build(Settings, tomllib.loads(path.read_text()), "")
    except (OSError, ValueError) as error:
        raise Fatal(
            f"the settings file {path} is not usable ({error})", "see docs/settings.md for every key"
        ) from error


def dump(settings: Settings) -> str:
    """The settings as a TOML file."""
    own = [item for item in fields(settings) if not _is_table(getattr(settings, item.name))]
    tables = [item.name for item in fields(settings) if _is_table(getattr(settings, item.name))]
    lines = [f"{item.name} = {written(getattr(settings, item.name))}" for item in own]
    for name in tables:
        table = getattr(settings, name)
        lines += ["", f"[{name}]", *(f"{item.name} = {written(getattr(table, item.name))}" for item in fields(table))]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return is_dataclass(value)
