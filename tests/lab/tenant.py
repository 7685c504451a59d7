"""A tenant: a pair of SSH keys, and what he sees when he logs in to his instance."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import debian
from tests.lab.router import Home

_USER = "debian"
_TRUSTING = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=5", "BatchMode=yes")
_LOOK = r"""
import json, os, socket, subprocess
told = lambda *words: json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
print(json.dumps({
    "host": socket.gethostname(),
    "boot": open("/proc/sys/kernel/random/boot_id").read().strip(),
    "efi": os.path.isdir("/sys/firmware/efi"),
    "addresses": {
        card["address"]: [one["local"] for one in card["addr_info"] if one["family"] == "inet"]
        for card in told("ip", "-json", "address") if card["ifname"] != "lo"
    },
    "disks": {
        disk["serial"]: [mount for part in disk.get("children", []) for mount in part["mountpoints"] if mount]
        for disk in told("lsblk", "--json", "--output", "NAME,SERIAL,MOUNTPOINTS")["blockdevices"]
    },
    "root_bytes": os.statvfs("/").f_blocks * os.statvfs("/").f_frsize,
}))
"""


@dataclass(frozen=True)
class Tenant:
    """Somebody with a key. Make one with `with_key`."""

    key: Path

    @classmethod
    def with_key(cls, folder: Path) -> "Tenant":
        """A new pair of keys in a folder."""
        key = folder / "id_ed25519"
        keygen = debian.program("ssh-keygen", "openssh-client")
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key], check=True)
        return cls(key)

    @property
    def public_key(self) -> str:
        """What CloudStack knows of it."""
        return self.key.with_suffix(".pub").read_text().strip()

    def logs_in(self, home: Home, address: str, within_s: float, after_boot: str = "") -> dict[str, Any]:
        """What the instance is, seen from inside, as soon as it lets the tenant in; not in the boot `after_boot`."""
        until = time.monotonic() + within_s
        while True:
            done = self._runs(home, address, _LOOK)
            if done.returncode == 0:
                seen: dict[str, Any] = json.loads(done.stdout)
                if seen["boot"] != after_boot:
                    return seen
            assert time.monotonic() < until, f"no login at {address} within {within_s:g} s: {done.stderr[-300:]}"
            time.sleep(1)  # it boots

    def reaches(self, home: Home, address: str, other: str, port: int) -> bool:
        """Whether a TCP server is reached from the instance at this address."""
        done = self._runs(home, address, f"import socket; socket.create_connection(({other!r}, {port}), 3)")
        assert done.returncode in (0, 1), f"no login at {address}: {done.stderr[-300:]}"
        return done.returncode == 0

    def _runs(self, home: Home, address: str, program: str) -> subprocess.CompletedProcess[str]:
        options = [word for option in _TRUSTING for word in ("-o", option)]
        ssh = [debian.program("ssh", "openssh-client"), "-q", "-i", str(self.key), *options, f"{_USER}@{address}"]
        return home.run(*ssh, "python3", "-", told=program)
