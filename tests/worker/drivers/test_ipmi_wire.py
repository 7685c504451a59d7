"""The session over a bad wire: slow, lossy, garbled, or with a BMC that has its own ideas. No network, no waiting."""

import gc
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmcUnreachable
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from bmprov.sim.bmc import Bmc
from bmprov.sim.chassis import PlainChassis
from bmprov.sim.ipmi import commands
from bmprov.sim.ipmi.commands import Commands
from bmprov.sim.ipmi.message import Code, NetFn, Refusal
from bmprov.sim.ipmi.rmcp import Malformed, PayloadType, parse
from bmprov.sim.ipmi.session import Account, Privilege
from bmprov.sim.ipmi.sessions import SessionLimits
from tests.sim.memory import Clock, MemorySocket
from worker.drivers import ipmi_session
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_wire import Wire

LOGIN = BmcLogin("ipmi://bmc.example:623", "admin", "secret")
STATUS, CONTROL, SET_BOOT, GET_BOOT = [(NetFn.CHASSIS, command) for command in (0x01, 0x02, 0x08, 0x09)]
RMCP_PLUS = 6  # the authentication type of a packet's session header (table 13-8)
Answer = Callable[[bytes, float], bytes | None]


def simulated(account: Account | None = None, limits: SessionLimits | None = None) -> Bmc:
    return Bmc(PlainChassis(), account or Account("admin", "secret"), lambda *_: None, limits=limits)


class Wires:
    """Every connection that the driver makes, to one BMC."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        answer: Answer,
        delay_s: float = 0.0,
        lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self.clock = Clock()
        self.sockets: list[MemorySocket] = []
        self.driver = IpmiDriver(LOGIN, LocalBmcLock(), sleep=self.clock.sleep)

        def connect(_login: BmcLogin) -> MemorySocket:
            self.sockets.append(MemorySocket(answer, self.clock, delay_s=delay_s, lost=lost))
            return self.sockets[-1]

        monkeypatch.setattr(ipmi_session, "connected", connect)

    def soon(self, seconds: float = 60.0) -> Deadline:
        return self.clock.soon(seconds)


def test_a_slow_bmc_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC that takes 2 s for each answer is read in one login, not started over each second.

    Once it is known: the first time it is not given that long for the first answer.
    """
    wires = Wires(monkeypatch, simulated().answer, delay_s=2.0)
    for logins in (2, 3, 4):
        began = wires.clock.now
        assert wires.driver.read(wires.soon()) is Power.OFF
        assert len(wires.sockets) == logins
        assert wires.clock.now - began < 16


def test_a_reading_takes_five_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open Session, RAKP 1 and 3, Get Chassis Status, Close Session; a change asks for its privilege first."""
    asked: list[bytes] = []
    bmc = simulated()

    def answer(datagram: bytes, now: float) -> bytes | None:
        asked.append(datagram)
        return bmc.answer(datagram, now)

    wires = Wires(monkeypatch, answer)
    wires.driver.read(wires.soon())
    assert [parse(one).payload_type for one in asked] == [
        *(PayloadType.OPEN_REQUEST, PayloadType.RAKP1, PayloadType.RAKP3),
        *(PayloadType.IPMI, PayloadType.IPMI),
    ]
    asked.clear()
    wires.driver.switch(PowerAction.ON, wires.soon())
    assert len(asked) > 7


def test_a_session_that_has_ended_is_freed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for the garbage collector, which a thousand of them would keep busy."""

    def alive() -> int:
        return sum(isinstance(one, Wire) for one in gc.get_objects())

    wires = Wires(monkeypatch, simulated().answer)
    gc.collect()
    before = alive()
    gc.disable()
    try:
        wires.driver.read(wires.soon())
        assert alive() == before
    finally:
        gc.enable()


def test_a_bmc_that_wants_more_than_a_users_privilege_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even for what every user may do by the specification (table G-1)."""
    honest, _ = commands._IN_SESSION[STATUS]
    monkeypatch.setitem(commands._IN_SESSION, STATUS, (honest, Privilege.OPERATOR))
    bmc = simulated()
    wires = Wires(monkeypatch, bmc.answer)
    assert wires.driver.read(wires.soon()) is Power.OFF
    assert bmc.open_sessions(wires.clock.now) == 0


def test_a_bmc_that_wants_to_be_asked_first_is_asked_first_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignores who opens a session without Get Channel Authentication Capabilities before."""
    bmc, introduced = simulated(), set[bytes]()

    def answer(datagram: bytes, now: float) -> bytes | None:
        if datagram[4] != RMCP_PLUS:
            introduced.add(b"")
        return bmc.answer(datagram, now) if introduced else None

    wires = Wires(monkeypatch, answer)
    for logins in (2, 3):
        assert wires.driver.read(wires.soon()) is Power.OFF
        assert len(wires.sockets) == logins
        introduced.clear()


@pytest.mark.parametrize("seed", range(20))
def test_lost_datagrams_are_made_up_for(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """With one datagram in twenty lost, a cycle still happens, once, and every socket is closed."""
    dice = random.Random(seed)
    bmc = simulated()
    wires = Wires(monkeypatch, bmc.answer, lost=lambda: dice.random() < 0.05)
    wires.driver.switch(PowerAction.ON, wires.soon())
    assert wires.driver.switch(PowerAction.CYCLE, wires.soon()) is Power.ON
    assert isinstance(bmc.chassis, PlainChassis)
    assert len(bmc.chassis.boots) == 2
    assert all(sock.closed for sock in wires.sockets)


@pytest.mark.parametrize("waits_s", [0.05, 1.0, 7.0])
def test_silence_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch, waits_s: float) -> None:
    """A BMC that never answers is unreachable at the deadline, and not a moment later."""
    wires = Wires(monkeypatch, lambda *_: None)
    began = wires.clock.now
    with pytest.raises(BmcUnreachable, match="check its cable"):
        wires.driver.read(wires.soon(waits_s))
    assert wires.clock.now - began <= waits_s + 0.01


def silent_after(bmc: Bmc, last: PayloadType) -> Answer:
    """A BMC that answers everything up to `last` and nothing from then on."""
    seen = set()

    def answer(datagram: bytes, now: float) -> bytes | None:
        if last in seen:
            return None
        seen.add(parse(datagram).payload_type)
        return bmc.answer(datagram, now)

    return answer


@pytest.mark.parametrize("last", [PayloadType.OPEN_REQUEST, PayloadType.RAKP1, PayloadType.RAKP3])
def test_a_bmc_may_fall_silent_at_any_point(monkeypatch: pytest.MonkeyPatch, last: PayloadType) -> None:
    """Silence in the middle of a login is unreachable, in time."""
    wires = Wires(monkeypatch, silent_after(simulated(), last))
    began = wires.clock.now
    with pytest.raises(BmcUnreachable):
        wires.driver.read(wires.soon(5))
    assert wires.clock.now - began <= 5.01
    assert all(sock.closed for sock in wires.sockets)


def test_garbage_is_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC, or a stranger, that answers noise is unreachable; nothing breaks."""
    dice = random.Random(1)
    wires = Wires(monkeypatch, lambda *_: b"\x06\x00\xff\x07" + dice.randbytes(dice.randrange(80)))
    with pytest.raises(BmcUnreachable):
        wires.driver.read(wires.soon(5))


@given(noise=st.binary(max_size=100), at=st.integers(0, 8))
def test_a_garbled_answer_is_survived(noise: bytes, at: int) -> None:
    """One answer replaced by noise costs time and nothing else."""
    bmc = simulated()
    count = iter(range(1000))

    def answer(datagram: bytes, now: float) -> bytes | None:
        honest = bmc.answer(datagram, now)
        return honest[:16] + noise if honest and next(count) == at else honest

    with pytest.MonkeyPatch.context() as monkeypatch:
        wires = Wires(monkeypatch, answer)
        try:
            assert wires.driver.read(wires.soon()) is Power.OFF
        except (BmcRefused, BmcAuthFailed, BmcBusy):
            assert at < 4  # before the keys are agreed nothing is signed, so noise can look like a refusal


def test_an_operator_may_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that may not be administrator is tried as operator, which is enough."""
    bmc = simulated(Account("admin", "secret", Privilege.OPERATOR))
    wires = Wires(monkeypatch, bmc.answer)
    assert wires.driver.switch(PowerAction.ON, wires.soon()) is Power.ON


@pytest.mark.parametrize(("level", "fits"), [("operator", True), ("administrator", False)])
def test_a_level_that_is_given_is_the_one_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, level: str, *, fits: bool
) -> None:
    """An account that may be operator only is not tried as administrator first, nor the other way round."""
    wires = Wires(monkeypatch, simulated(Account("admin", "secret", Privilege.OPERATOR)).answer)
    driver = IpmiDriver(replace(LOGIN, privilege=level), LocalBmcLock(), sleep=wires.clock.sleep)
    if fits:
        assert driver.read(wires.soon()) is Power.OFF
    else:
        with pytest.raises(BmcAuthFailed):
            driver.read(wires.soon())
    assert len(wires.sockets) == 1


def test_a_mere_user_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user below operator is refused with the privilege that is wanted."""
    wires = Wires(monkeypatch, simulated(Account("admin", "secret", Privilege.USER)).answer)
    with pytest.raises(BmcAuthFailed, match="operator privilege"):
        wires.driver.read(wires.soon())


def test_no_session_left_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC out of sessions is busy, which is tried again later."""
    wires = Wires(monkeypatch, simulated(limits=SessionLimits(sessions=0)).answer)
    with pytest.raises(BmcBusy, match="no session left"):
        wires.driver.read(wires.soon())


def test_ipmi_1_5_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC without RMCP+ is refused with words."""
    bmc = simulated()

    def answer(datagram: bytes, now: float) -> bytes | None:
        if datagram[4] == RMCP_PLUS:
            return None
        honest = bytearray(bmc.answer(datagram, now) or b"")
        honest[22] = 0x04  # MD5 only, no extended capabilities (IPMI 2.0, table 22-15)
        return bytes(honest)

    wires = Wires(monkeypatch, answer)
    with pytest.raises(BmcRefused, match=r"IPMI 1\.5 only"):
        wires.driver.read(wires.soon())


def test_a_suite_that_is_met_with_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC that ignores the offer of suite 17 is asked for suite 3 after a second, and at once the next time."""
    bmc = simulated()
    sha256 = bytes([0, 0, 0, 8, 3])

    def answer(datagram: bytes, now: float) -> bytes | None:
        return None if sha256 in datagram[:32] else bmc.answer(datagram, now)

    wires = Wires(monkeypatch, answer)
    began = wires.clock.now
    wires.driver.read(wires.soon())
    assert wires.clock.now - began < 1.5
    began = wires.clock.now
    wires.driver.read(wires.soon())
    assert wires.clock.now == began


def answering(code: int) -> tuple[Callable[[Commands, bytes], bytes], Privilege]:
    """A command that always answers with this completion code."""

    def refuse(_commands: Commands, _data: bytes) -> bytes:
        raise Refusal(Code(code))

    return refuse, Privilege.USER


def test_an_override_that_cannot_be_read_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the BMC has no way to tell its boot override the setting stands, and reading says that there is none."""
    monkeypatch.setitem(commands._IN_SESSION, GET_BOOT, answering(0x80))
    bmc = simulated()
    wires = Wires(monkeypatch, bmc.answer)
    wires.driver.set_boot(BootOverride(BootDevice.NETWORK, once=True), wires.soon())
    assert bmc.chassis.boot.override.device is BootDevice.NETWORK
    assert wires.driver.read_boot(wires.soon()).device is BootDevice.DEFAULT


def test_a_bmc_without_a_boot_timeout_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BMC that refuses to keep flags, because it never drops them, keeps them."""
    honest, privilege = commands._IN_SESSION[SET_BOOT]

    def only_flags(self: Commands, data: bytes) -> bytes:
        if data[0] != 5:
            raise Refusal(Code.PARAMETER_NOT_SUPPORTED)
        return honest(self, data)

    monkeypatch.setitem(commands._IN_SESSION, SET_BOOT, (only_flags, privilege))
    wires = Wires(monkeypatch, simulated().answer)
    wires.driver.set_boot(BootOverride(BootDevice.NETWORK, once=True), wires.soon())
    assert wires.driver.read_boot(wires.soon()).device is BootDevice.NETWORK


def test_a_refused_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A completion code is told in words, and the session is closed all the same."""
    bmc = simulated()
    wires = Wires(monkeypatch, bmc.answer)
    wires.driver.switch(PowerAction.ON, wires.soon())
    monkeypatch.setitem(commands._IN_SESSION, CONTROL, answering(0xD4))
    with pytest.raises(BmcRefused, match=r"refused to do 'cycle' \(0xd4: .*operator privilege"):
        wires.driver.switch(PowerAction.CYCLE, wires.soon())
    assert bmc.open_sessions(wires.clock.now) == 0


def test_an_overloaded_bmc_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The completion code "node busy" is tried again later."""
    monkeypatch.setitem(commands._IN_SESSION, STATUS, answering(0xC0))
    wires = Wires(monkeypatch, simulated().answer)
    with pytest.raises(BmcBusy, match="too busy to tell the power"):
        wires.driver.read(wires.soon())


def test_a_suite_that_nobody_speaks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pinned suite that this driver does not speak sends nothing and says what is spoken."""
    wires = Wires(monkeypatch, simulated().answer)
    login = replace(LOGIN, cipher_suites=(0,))
    with pytest.raises(BmcRefused, match=r"offered: 0\): enable suite 17 or 3"):
        IpmiDriver(login, LocalBmcLock()).read(wires.soon())
    assert wires.sockets == []


def test_no_packet_counts_twice() -> None:
    """A datagram of a session that comes again is not answered."""
    bmc, clock, heard = simulated(), Clock(), []

    def answer(datagram: bytes, now: float) -> bytes | None:
        heard.append(datagram)
        return bmc.answer(datagram, now)

    with pytest.MonkeyPatch.context() as monkeypatch:
        wires = Wires(monkeypatch, answer)
        wires.driver.switch(PowerAction.ON, wires.soon())
    sealed = [datagram for datagram in heard if parse(datagram).encrypted]
    assert sealed
    assert all(bmc.answer(datagram, clock.now) is None for datagram in sealed)
    with pytest.raises(Malformed):
        parse(b"")
