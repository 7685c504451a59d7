"""What an operator tells bmprov of the lab's switch and its cables, and what bmprov tells of a machine's ports."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.lab.lab import Lab
from tests.lab.switch import PROVISIONING, QUARANTINE, TENANTS, UPLINKS, LabSwitch
from tests.sim_switch.bridge_machine import NAME

_VLANS = ("--provisioning-vlan", str(PROVISIONING), "--quarantine-vlan", str(QUARANTINE))


def manage(switch: LabSwitch, cables: Mapping[str, str]) -> None:
    """Give the switch into bmprov's hands; `cables` are its ports, by the machine whose first NIC is there."""
    login, tenants = switch.login, ",".join(map(str, TENANTS))
    uplinks = [word for port in UPLINKS for word in ("--uplink", port)]
    options = (*_VLANS, "--vlans", tenants, "--user", login.user, *uplinks)
    _bmprov(switch.lab, "switch", "add", NAME, login.address, *options, BMPROV_SWITCH_PASSWORD=login.password)
    for machine, port in cables.items():
        _bmprov(switch.lab, "cable", "set", machine, "0", NAME, port)


def checked(lab: Lab, machine: str) -> list[dict[str, Any]]:
    """What `bmprov network check` tells, a row for each NIC."""
    rows: list[dict[str, Any]] = json.loads(_bmprov(lab, "network", "check", machine, "--json"))
    return rows


def _bmprov(lab: Lab, *words: str, **environment: str) -> str:
    command = [sys.executable, "-m", "bmprov", *words, "--data", str(lab.folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, f"bmprov {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout
