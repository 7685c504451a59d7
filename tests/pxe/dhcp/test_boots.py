"""What DHCP sees of a machine's boots."""

import pytest
from structlog.testing import capture_logs

from pxe.boot_loop import LIMIT, too_many
from pxe.dhcp.boots import Boots
from pxe.dhcp.packet import MessageType, Option, Packet
from pxe.dhcp.policy import Answer, Idle, Wanted

MAC = "52:54:00:00:00:01"
UEFI = {Option.CLIENT_ARCH: b"\0\7"}
IPXE = UEFI | {Option.USER_CLASS: b"iPXE"}
RAMDISK = {Option.VENDOR_CLASS: b"udhcp 1.35"}


class Watched:
    """The boots of one machine, and the operations that were ended."""

    def __init__(self, *, secure_boot: bool) -> None:
        self.wanted = Wanted("rack1-07", "op", "http://10.1.0.1/TOKEN", secure_boot=secure_boot)
        self.ended: list[tuple[str, str]] = []
        self.now = 0.0
        self.boots = Boots(lambda operation_id, why: self.ended.append((operation_id, why)), lambda: self.now)

    def ask(self, xid: int, options: dict[int, bytes], kind: MessageType = MessageType.ACK) -> None:
        reply = Packet(2, xid, MAC, {Option.MESSAGE_TYPE: bytes([kind])})
        self.boots.saw(Packet(1, xid, MAC, options), Answer(reply, self.wanted))


@pytest.mark.parametrize(
    ("secure_boot", "check"), [(False, "bmprov machine set rack1-07 --secure-boot"), (True, "UDP port 69")]
)
def test_a_firmware_that_comes_back_is_warned_of(*, secure_boot: bool, check: str) -> None:
    """It has not started its loader, or that has not asked DHCP: the log says what to look at, once for each boot."""
    watched = Watched(secure_boot=secure_boot)
    with capture_logs() as logs:
        for xid in (1, 1, 2, 2):
            watched.ask(xid, UEFI)
    assert [(one["log_level"], check in one["check"]) for one in logs] == [("warning", True)]


@pytest.mark.parametrize(("secure_boot", "patience_s"), [(False, 30), (True, 300)])
def test_a_firmware_that_is_silent_is_warned_of(*, secure_boot: bool, patience_s: float) -> None:
    """Once: OVMF drops iPXE under Secure Boot, and tries its other boot entries for minutes."""
    watched = Watched(secure_boot=secure_boot)
    watched.ask(1, UEFI)
    with capture_logs() as logs:
        watched.now = patience_s
        watched.boots.tick()
        assert logs == []
        for _ in range(2):
            watched.now += 1
            watched.boots.tick()
    assert [one["why"] for one in logs] == [f"nothing was heard of it for {patience_s} s"]


@pytest.mark.parametrize("next_client", [IPXE, RAMDISK])
def test_a_boot_that_went_on_is_no_cause(next_client: dict[int, bytes]) -> None:
    """A step that is tried again boots the machine anew."""
    watched = Watched(secure_boot=False)
    with capture_logs() as logs:
        for xid in range(0, 2 * LIMIT, 2):
            watched.ask(xid, UEFI)
            watched.ask(xid + 1, next_client)
            watched.now += 1000
            watched.boots.tick()
    assert (logs, watched.ended) == ([], [])


def test_a_loop_through_grub_ends_the_operation() -> None:
    """The boots up to the limit are let go on, whatever the ramdisk asks; repeated requests and offers are no boots."""
    watched = Watched(secure_boot=True)
    for xid in range(LIMIT):
        watched.ask(xid, UEFI)
        watched.ask(xid, UEFI)
        watched.ask(xid + 100, UEFI, MessageType.OFFER)
        watched.ask(xid + 200, RAMDISK)
    assert watched.ended == []
    watched.ask(LIMIT, UEFI)
    assert watched.ended == [("op", too_many(LIMIT + 1))]


def test_a_loop_through_ipxe_is_counted_where_its_script_is_fetched() -> None:
    """A firmware may ask DHCP several times before it boots."""
    watched = Watched(secure_boot=False)
    for xid in range(3 * LIMIT):
        watched.ask(xid, UEFI)
    assert watched.ended == []


def test_idle_machines_are_left_alone() -> None:
    """They have no operation."""
    watched = Watched(secure_boot=True)
    reply = Packet(2, 1, MAC, {Option.MESSAGE_TYPE: bytes([MessageType.ACK])})
    for xid in range(2 * LIMIT):
        watched.boots.saw(Packet(1, xid, MAC, UEFI), Answer(reply, Idle("rack1-07")))
    assert watched.ended == []
