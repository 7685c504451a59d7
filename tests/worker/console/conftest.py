"""A machine of ipmi_sim with a serial port."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bmcs import EMULATION, IpmiSimMachine, ipmi_sim
from tests.worker.console.serial_port import SerialPort


@pytest.fixture
def port() -> Iterator[SerialPort]:
    opened = SerialPort()
    yield opened
    opened.close()


@pytest.fixture
def machine(tmp_path: Path, port: SerialPort) -> Iterator[IpmiSimMachine]:
    (tmp_path / "bmc").mkdir()
    with ipmi_sim(tmp_path / "bmc", EMULATION, port.port) as running:
        yield running
