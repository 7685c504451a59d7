"""The settings of the lab's service."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

from bmprov import settings as settings_file
from bmprov.cli import embedded
from bmprov.cli.folder import Folder
from bmprov.settings import PxeSettings, Settings, WorkerSettings
from tests.lab import network

_BMPROV = (sys.executable, "-m", "bmprov")


def configured(folder: Folder, worker: WorkerSettings, pxe: dict[str, Any]) -> Settings:
    """What an operator has after `bmprov init` and a look through the file."""
    subprocess.run([*_BMPROV, "init", "--config", str(folder.settings)], check=True, capture_output=True)
    own = PxeSettings(
        address=str(network.ADDRESS.ip),
        interface=network.BRIDGE,
        http_port=80,
        network=network.ADDRESS.network,
        range_first=network.address(100),
        range_last=network.address(200),
        processes=1,
        kernel_arguments="console=ttyS0",
    )
    chosen = replace(
        settings_file.load(folder.settings),
        database=f"sqlite:///{folder.root / 'bmprov.db'}",
        redis="redis://:secret@127.0.0.1:6379/0",
        images=folder.root / "images",
        worker=worker,
        pxe=replace(own, **pxe),
    )
    folder.settings.write_text(settings_file.dump(chosen))
    embedded.make_secrets(chosen)
    return chosen
