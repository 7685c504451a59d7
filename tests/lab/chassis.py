"""The chassis behind ipmi_sim: it starts, stops and resets a QEMU, and decides what that boots from.

Called as `chassis.py FOLDER MC get|set WHAT [VALUE] ...` (OpenIPMI, ipmi_lan(5), `chassis_control`), and by itself as
`chassis.py FOLDER run` for as long as the machine has power. Standard library only: it is started for every question.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_CONNECT_S = 10.0
_RESTART = "guest-reset"


class Chassis:
    """A machine, by its folder. `boot` in it is the override: `none`, `default` (disk); for one boot `pxe`, `cdrom`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boot = folder / "boot"
        self._pid = folder / "pid"
        self._qmp = folder / "qmp"

    def answer(self, what: str) -> str:
        """What it says when it is asked for `power` or `boot`."""
        return str(int(self._is_on())) if what == "power" else self._boot.read_text()

    def obey(self, what: str, value: str) -> None:
        """What ipmi_sim wants of it."""
        self._note(f"BMC: {what} {value}")
        if what == "boot":
            self._boot.write_text(value)
        elif what == "shutdown" and self._is_on():
            self._ask("system_powerdown")
        elif what in ("power", "reset"):
            self._switch(on=what == "reset" or value == "1", anew=what == "reset")

    def run(self) -> None:
        """Be the machine until it switches itself off. A reset from inside goes through the firmware again."""
        while True:
            self._qmp.unlink(missing_ok=True)
            order = self._next_order()
            self._note(f"starts, {order} first")
            with subprocess.Popen(self._described()["commands"][order], stdin=subprocess.DEVNULL) as qemu:
                reason = next(self._reasons(), "")
            self._note(f"stops: {reason or f'QEMU ended with {qemu.returncode}'}")
            if reason != _RESTART:
                break

    def _switch(self, *, on: bool, anew: bool = False) -> None:
        is_on = self._is_on()
        if is_on and (anew or not on):
            with suppress(ProcessLookupError):
                os.killpg(int(self._pid.read_text()), signal.SIGKILL)
            while _has_anybody(self._pid.read_text()):  # QEMU, which dies after its parent, still has disk and tap
                time.sleep(0.01)  # it is no child of this process, so nothing tells
        if on and (anew or not is_on):
            with (self._folder / "qemu.log").open("a") as log:
                command = [sys.executable, "-I", "-S", __file__, str(self._folder), "run"]
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self._pid.write_text(str(process.pid))

    def _is_on(self) -> bool:
        try:
            return Path("/proc", self._pid.read_text(), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def _next_order(self) -> str:
        override = self._boot.read_text()
        if override in ("pxe", "cdrom"):
            self._boot.write_text("none")
        own: str = self._described()["own order"]
        return {"pxe": "network", "default": "disk", "cdrom": "cd"}.get(override, own)

    def _described(self) -> dict:  # type: ignore[type-arg] # JSON of qemu.py
        return json.loads((self._folder / "machine.json").read_text())  # type: ignore[no-any-return]

    def _reasons(self) -> Iterator[str]:
        """Why the running QEMU ends (QMP, event SHUTDOWN)."""
        with self._connected() as qmp, qmp.makefile() as told:
            for line in told:
                event = json.loads(line)
                if event.get("event") == "SHUTDOWN":
                    yield event["data"]["reason"]

    def _ask(self, command: str) -> None:
        """QEMU serves one QMP connection at a time, which `run` has; ACPI's button is pressed through the second."""
        with self._connected("button") as qmp, qmp.makefile() as told:
            qmp.sendall(json.dumps({"execute": command, "id": command}).encode())
            for line in told:  # who goes away before the answer may not have been heard
                if json.loads(line).get("id") == command:
                    return

    def _connected(self, name: str = "qmp") -> socket.socket:
        until = time.monotonic() + _CONNECT_S
        while True:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(str(self._folder / name))
            except OSError:
                client.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)  # QEMU makes its socket when it gets to it
            else:
                client.sendall(b'{"execute": "qmp_capabilities"}')
                return client

    def _note(self, what: str) -> None:
        with (self._folder / "events").open("a") as events:
            print(json.dumps({"at": time.time(), "event": what}), file=events)


def _has_anybody(group: str) -> bool:
    """Whether a process of the group lives (proc(5)). One whose first thread is a zombie may have others."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if its_group == group and (state != "Z" or sum(1 for _ in stat.with_name("task").iterdir()) > 1):
                return True
    return False


def main(folder: str, *words: str) -> None:
    """Serve one call of ipmi_sim, or be the machine."""
    chassis = Chassis(Path(folder))
    if words == ("run",):
        chassis.run()
        return
    _mc, action, *rest = words
    if action == "get":
        for what in rest:
            print(f"{what}:{chassis.answer(what)}")
        return
    for what, value in _pairs(rest):
        chassis.obey(what, value)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(words[::2], words[1::2], strict=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
