"""`bmprov demo`: the whole service with three simulated machines, played as CloudStack plays it."""

import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import click

import bmprov
from bmprov.cli import demo_switch, leash, rehearsal
from bmprov.cli.api import Api, path
from bmprov.cli.folder import Folder, write
from bmprov.cli.login import Login
from bmprov.cli.timeline import changes
from bmprov.cli.tour import Tour
from bmprov.cli.tour_screen import Screen
from bmprov.errors import BmprovError, Fatal
from bmprov.sim import hall
from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.pace import PACES
from bmprov.sim.virtual_machine import Nic, VirtualMachine, virtual_machine

_MACHINES = 3
_TIMEOUT_S = 120
_START_S = 90.0
_STOP_S = 60.0
_LOOK_EVERY_S = 0.1
_PACE = replace(PACES["demo"], post_s=1.0, write_mb_s=2.5, progress_s=0.2)
"""Slow enough to be seen."""

_VISITOR = "visitor"
_BOOT_S = 2.0  # what these machines take from power to a running system
_SETTINGS = "[worker]\nshutdown_s = 10.0\n"

_USER_DATA = "I2Nsb3VkLWNvbmZpZwpwYWNrYWdlczogW25naW54XQo="  # "#cloud-config", and nginx to be installed
_SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl somebody@example.org"


@click.command()
@click.option("--once", is_flag=True, help="Unattended: end after the tour, with exit code 0 or 1, and leave nothing.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The service's folder; else demo-data, or with --once a temporary one.",
)
@click.option("--extension", type=click.Path(path_type=Path), help="The extension's file; else this source tree's.")
def command(*, once: bool, data: Path | None, extension: Path | None) -> None:
    """Start a service with three simulated machines and play CloudStack to it: an instance's whole life.

    The extension's file is called as CloudStack calls it, a process for each action; the machines boot over real DHCP,
    TFTP and HTTP and are switched over real IPMI.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it ends like Ctrl-C, and cleans up
    screen = Screen()
    with ExitStack() as stack:
        temporary = stack.enter_context(_scratch())
        folder = Folder.make(data or (temporary / "data" if once else Path("demo-data")))
        installed = _install(extension or _in_source_tree(), temporary)
        screen.act("bmprov demo", f"a service in {folder.root}, {_MACHINES} simulated machines, and a CloudStack")
        stack.enter_context(_service(folder, screen))
        _tour(folder, installed, temporary, screen)
        if not once and sys.stdin.isatty():
            _stay(folder, screen)


def _tour(folder: Folder, installed: Path, temporary: Path, screen: Screen) -> None:
    began = monotonic()
    login = Login.from_file(folder.client_ini)
    cloud = Login.from_file(folder.extension_ini)
    details = {"endpoint": cloud.endpoint, "token": cloud.token, "ca": cloud.ca}
    cloudstack = CloudStack(installed, temporary / "payloads", details, host={"host": "metal1"}, timeout_s=_TIMEOUT_S)
    with _viewer(login) as api:
        tour = Tour(cloudstack, api, screen, _instance(), _BOOT_S)
        tour.run()
    screen.summary(tour.results)
    took = f"{len(tour.results)} calls in {monotonic() - began:.1f} s"
    screen.say(f"\n{took}; every answer was checked, and all is as it was before")


def _instance() -> VirtualMachine:
    """What the user asks for: an image, two cpus, a NIC on VLAN 1577, an SSH key and user data."""
    nic = Nic("02:00:4c:9f:00:01", "192.0.2.10", "1577")
    return virtual_machine(34, [nic], {"image": rehearsal.IMAGE}, uefi=True, ssh_key=_SSH_KEY, user_data=_USER_DATA)


def _in_source_tree() -> Path:
    return Path(bmprov.__file__).parents[1] / "extension" / "bmprov.py"


def _install(extension: Path, temporary: Path) -> Path:
    """The extension's file as an operator puts it on a management server: alone in a folder, executable.

    Raises:
        Fatal: it is not where it was looked for.
    """
    place = temporary / "extensions" / "bmprov"
    place.mkdir(parents=True)
    try:
        return Path(shutil.copy(extension, place))
    except OSError as error:
        raise Fatal(
            f"the extension {extension} cannot be read ({error.strerror})", "say with --extension where it is"
        ) from error


@contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder, which stays when something was not as it should be: the logs are in it."""
    scratch = Path(tempfile.mkdtemp(prefix="bmprov-demo-"))
    try:
        yield scratch
    finally:
        if not isinstance(sys.exception(), BmprovError):
            shutil.rmtree(scratch)


@contextmanager
def _service(folder: Folder, screen: Screen) -> Iterator[None]:
    """A `bmprov up` as a process of its own, ready to be used."""
    began, log = monotonic(), folder.logs / "up.log"
    if not folder.settings.exists():
        write(folder.settings, _SETTINGS)
    offset = log.stat().st_size if log.exists() else 0
    argv = (sys.executable, "-m", "bmprov", "up", "--data", str(folder.root), "--port", "0", "--sim", str(_MACHINES))
    process = leash.start(argv, log)
    try:
        with screen.console.status("starting the service"):
            while not folder.ready.exists():
                if process.poll() is not None or monotonic() - began > _START_S:
                    said = log.read_bytes()[offset:].decode(errors="replace").strip().splitlines() or ["nothing"]
                    raise Fatal(f"`bmprov up` did not start; it said: {said[-1]}", f"look into {folder.logs}")
                sleep(_LOOK_EVERY_S)  # the file is the announcement
        _tidy(folder)
        hall.dump([replace(one, pace=vars(_PACE)) for one in hall.load(folder.machines)], folder.machines)
        screen.say(f"ready after {monotonic() - began:.1f} s; watch it in a browser, by a link that is good once:")
        screen.say(f"  {_page_link(folder)}")
        yield
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _tidy(folder: Folder) -> None:
    """Cable the simulated machines, and take back what an interrupted demo has left on them; no other is touched."""
    names = {one.name for one in hall.load(folder.machines)}
    with Api(Login.from_file(folder.client_ini)) as api:
        demo_switch.cable(api, hall.load(folder.machines))
        for machine in api.every("machines"):
            if machine["name"] in names and machine["instance"]:
                begun = api.post(path("machines", machine["name"], "release"))
                deque(changes(api, begun["operation"]["id"]), maxlen=0)  # to its end


def _page_link(folder: Folder) -> str:
    """A link that signs the visitor in to the web page, as an operator."""
    with Api(Login.from_file(folder.client_ini)) as api:
        if _VISITOR not in [person["name"] for person in api.get("/people")["people"]]:
            api.post("/people", {"name": _VISITOR, "role": "operator", "password": ""})
        return str(api.post(path("people", _VISITOR, "link"))["url"])


@contextmanager
def _viewer(login: Login) -> Iterator[Api]:
    """The API as a viewer sees it, with a token that lives as long as the tour."""
    with Api(login) as admin:
        made = admin.post("/tokens", {"name": f"demo-{monotonic():.0f}", "role": "viewer"})
        try:
            with Api(Login(login.endpoint, made["secret"], login.ca)) as viewer:
                yield viewer
        finally:
            admin.delete(path("tokens", made["token"]["id"]))


def _stay(folder: Folder, screen: Screen) -> None:
    """Leave the service to the visitor until Enter."""
    login, machine, program = Login.from_file(folder.client_ini), hall.load(folder.machines)[0], sys.argv[0]
    bmc = f"-H 127.0.0.1 -p {machine.bmc_port} -U {machine.user} -P {machine.password}"
    screen.act("It is yours until Enter", "in another terminal:")
    for line in (
        f"export BMPROV_DATA={folder.root}",
        f"{program} person link {_VISITOR}   # another link to the web page",
        f"{program} top",
        f"{program} machine list",
        f"{program} operation list",
        f"{program} network check {machine.name}",
        f"{program} machine power {machine.name} on",
        f"curl --cacert {login.ca} {login.endpoint}/readyz",
        f"ipmitool -I lanplus -C 17 {bmc} chassis status",
    ):
        screen.say(f"  {line}")
    click.prompt("", prompt_suffix="", default="", show_default=False)
