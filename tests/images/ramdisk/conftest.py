"""The deploy ramdisk, built once a session from this host's Debian archives."""

from pathlib import Path

import pytest

from images.ramdisk.build import build
from images.ramdisk.flavours import FLAVOURS
from tests import debian


@pytest.fixture(scope="session")
def ramdisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `vmlinuz` and `initrd` of the virtual flavour."""
    debian.program("apt-get", "apt")
    debian.program("depmod", "kmod")
    folder = tmp_path_factory.mktemp("ramdisk")
    build(FLAVOURS["virtual"], folder)
    return folder
