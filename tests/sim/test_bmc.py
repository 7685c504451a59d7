"""The simulated BMC without a network: its codecs, its sessions, its memory of what it did."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.deadline import Deadline
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from bmprov.sim.bmc import Bmc
from bmprov.sim.chassis import BootFlags, PlainChassis
from bmprov.sim.ipmi import rmcp, suite
from bmprov.sim.ipmi.message import Code, Request, build_response, parse_request
from bmprov.sim.ipmi.rmcp import AuthType, Packet, PayloadType
from bmprov.sim.ipmi.session import Account, Session
from bmprov.sim.ipmi.sessions import SessionLimits
from bmprov.sim.ipmi.sol_line import SolLine
from bmprov.sim.ipmi.suite import SUITE_3
from tests.sim.memory import Clock, MemorySocket
from worker.drivers.ipmi_wire import Privilege, Wire

LOGIN = BmcLogin("ipmi://bmc.example", "admin", "secret")
PING = bytes.fromhex("0600ff06000011be80 2a0000".replace(" ", ""))
CHASSIS_STATUS, CLOSE_SESSION = (0x00, 0x01), (0x06, 0x3C)
ACTIVATE, ACTIVATION, INSTANCE_INFO = (0x06, 0x48), (0x06, 0x4A), (0x06, 0x4B)
CONSOLE = [1, 1, 0xC0, 0, 0, 0]


def bmc_with(limits: SessionLimits | None = None) -> Bmc:
    return Bmc(PlainChassis(), Account("admin", "secret"), lambda *_: None, limits=limits)


def log_in(bmc: Bmc, clock: Clock) -> Wire:
    sock = MemorySocket(bmc.answer, clock)
    return Wire(sock, LOGIN, 17, Privilege.ADMINISTRATOR, Deadline.after(5, clock))  # type: ignore[arg-type] # in memory


def test_a_ping_is_answered() -> None:
    """The presence pong carries the ping's tag and says that IPMI is spoken (DSP0136, section 3.2.4.3)."""
    pong = bmc_with().answer(PING, 0.0)
    assert pong is not None
    assert (pong[8], pong[9], len(pong), pong[20]) == (0x40, 0x2A, 28, 0x81)


@given(st.binary(max_size=200))
def test_garbage_is_survived(noise: bytes) -> None:
    """No datagram breaks it, whatever header it pretends to have."""
    bmc = bmc_with()
    for header in (b"", b"\x06\x00\xff\x07", b"\x06\x00\xff\x06", b"\x06\x00\xff\x07\x06", b"\x06\x00\xff\x07\x00"):
        bmc.answer(header + noise, 0.0)


@given(st.sampled_from([0x10, 0x12, 0x14]), st.binary(max_size=80))
def test_a_garbled_login_is_survived(kind: int, payload: bytes) -> None:
    """No login message breaks it."""
    bmc = bmc_with()
    bmc.answer(rmcp.build(Packet(AuthType.RMCP_PLUS, PayloadType(kind), 0, 0, payload)), 0.0)


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=32))
def test_encryption_comes_back(plain: bytes, key: bytes) -> None:
    """What is encrypted decrypts to itself, in whole blocks."""
    sealed = suite.encrypt(key, plain)
    assert len(sealed) % 16 == 0
    assert suite.decrypt(key, sealed) == plain


@given(
    auth=st.sampled_from(AuthType),
    session=st.integers(0, 2**32 - 1),
    number=st.integers(0, 2**32 - 1),
    payload=st.binary(),
)
def test_packets_come_back(auth: AuthType, session: int, number: int, payload: bytes) -> None:
    """A packet that is built parses to itself."""
    packet = Packet(auth, PayloadType.IPMI, session, number, payload[:255])
    assert rmcp.parse(rmcp.build(packet)) == packet


@given(st.integers(0, 31), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))
def test_responses_have_right_checksums(netfn: int, command: int, sequence: int, data: bytes) -> None:
    """A response parses as a message of the next network function, addressed to who asked."""
    request = Request(netfn * 2, command, b"", 0x20, 0, 0x81, sequence)
    message = parse_request(build_response(request, Code.OK, data))
    assert (message.netfn, message.command, message.data) == (netfn * 2 + 1, command, b"\0" + data)
    assert (message.responder, message.requester) == (0x81, 0x20)


@given(st.lists(st.integers(1, 80), max_size=60))
def test_no_sequence_number_counts_twice(numbers: list[int]) -> None:
    """The window takes each number once, and forgets what is too old rather than take it again."""
    session = Session(1, 2, SUITE_3, bytes(16))
    taken = [number for number in numbers if session._is_new(number)]
    assert len(taken) == len(set(taken))
    assert taken[:1] == numbers[:1]


def test_sessions_are_limited_and_expire() -> None:
    """A BMC with two sessions refuses the third, until one of them has been idle for long."""
    bmc, clock = bmc_with(SessionLimits(sessions=2, idle_s=60)), Clock()
    first = log_in(bmc, clock)
    clock.now += 40
    log_in(bmc, clock)
    assert bmc.open_sessions(clock.now) == 2
    opened = rmcp.parse(bmc.answer(open_request(), clock.now) or b"").payload
    assert opened[1] == 0x01  # insufficient resources (IPMI 2.0, table 13-15)
    clock.now += 30
    assert bmc.open_sessions(clock.now) == 1
    log_in(bmc, clock)
    assert bmc.open_sessions(clock.now) == 2
    assert first.sessionid


def open_request() -> bytes:
    algorithms = b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate((3, 4, 1)))
    return rmcp.build(
        Packet(AuthType.RMCP_PLUS, PayloadType.OPEN_REQUEST, 0, 0, bytes([1, 0, 0, 0, 9, 9, 9, 9]) + algorithms)
    )


def test_an_unfinished_login_expires_soon() -> None:
    """A login that stops half-way holds a session for ten seconds, not for a minute."""
    bmc = bmc_with(SessionLimits(sessions=1))
    bmc.answer(open_request(), 0.0)
    assert rmcp.parse(bmc.answer(open_request(), 5.0) or b"").payload[1] == 0x01
    assert rmcp.parse(bmc.answer(open_request(), 11.0) or b"").payload[1] == 0x00


def test_the_same_message_acts_once() -> None:
    """A reset that is sent again because its answer was lost resets once, and is answered again."""
    bmc, clock = bmc_with(), Clock()
    wire = log_in(bmc, clock)
    wire.raw_command(0x00, 0x02, data=[1])
    message = wire._make_ipmi_payload(0x00, 0x02, data=bytearray([3]))
    for _ in range(2):
        wire.lastpayload = None
        wire.send_payload(message, payload_type=0)
        wire._sock.recv(3000)
    assert isinstance(bmc.chassis, PlainChassis)
    assert len(bmc.chassis.boots) == 2


def test_a_session_ends_when_it_is_closed() -> None:
    """After Close Session nothing in it is answered."""
    bmc, clock = bmc_with(), Clock()
    wire = log_in(bmc, clock)
    wire.raw_command(0x06, 0x3C, data=wire.sessionid.to_bytes(4, "little"))
    assert bmc.open_sessions(clock.now) == 0


def test_what_needs_an_operator_is_refused_to_a_user() -> None:
    """A session that has lowered itself to user may read the power and not switch it."""
    bmc, clock = bmc_with(), Clock()
    wire = log_in(bmc, clock)
    wire.raw_command(0x06, 0x3B, data=[2])
    assert wire.raw_command(*CHASSIS_STATUS)["code"] == 0
    assert wire.raw_command(0x00, 0x02, data=[1])["code"] == 0xD4
    assert bmc.chassis.power is Power.OFF


@pytest.mark.parametrize(
    ("netfn", "command", "data", "code"),
    [
        (0x00, 0x02, [9], 0xCC),  # no such power action
        (0x00, 0x02, [2], 0xD5),  # cycle of a machine that is off
        (0x00, 0x02, [], 0xC7),
        (0x00, 0x08, [5, 0x80], 0xC7),
        (0x00, 0x08, [7, 0], 0x80),
        (0x00, 0x09, [7, 0, 0], 0x80),
        (0x00, 0x09, [3, 0, 0], 0x00),
        (0x00, 0x00, [], 0x00),
        (0x06, 0x38, [0x8E, 9], 0xCC),
        (0x06, 0x3B, [5], 0x81),
        (0x06, 0x3C, [1, 2, 3, 4], 0x87),
        (0x06, 0x54, [0x0E, 1, 0x80], 0xCC),
        (0x2C, 0x3E, [0], 0xC1),
        (0x00, 0x02, [4], 0xD5),  # an NMI for a machine that is off
        (0x04, 0x2D, [0x99], 0xCB),
        (0x04, 0x2D, [0x41], 0xCB),  # a sensor that has events alone
        (0x04, 0x27, [0x30], 0xCD),  # thresholds of one that has states
        (0x0A, 0x23, [0, 0, 0x70, 0, 0, 0xFF], 0xCB),
        (0x0A, 0x23, [0, 0, 1, 0, 5, 16], 0xC5),  # a part without a reservation
        (0x0A, 0x23, [1, 0, 1, 0, 0xF0, 16], 0xC9),
        (0x0A, 0x23, [0, 0], 0xC7),
        (0x0A, 0x43, [0, 0, 0, 0, 0, 0xFF], 0xCB),  # nothing is in the log
        (0x0A, 0x47, [9, 9, 0x43, 0x4C, 0x52, 0xAA], 0xC5),
        (0x0A, 0x47, [0, 0, 0x43, 0x4C, 0x53, 0xAA], 0xCC),
        (0x0A, 0x10, [1], 0xCB),
        (0x0A, 0x11, [0, 0xFF, 0x7F, 16], 0xC9),
        (0x06, 0x48, [2, 1, 0xC0, 0, 0, 0], 0xCC),  # no such payload
        (0x06, 0x48, [1, 1, 0x40, 0, 0, 0], 0x84),  # a console without encryption
        (0x06, 0x48, [1], 0xC7),
        (0x06, 0x49, [1, 1, 0, 0, 0, 0], 0x80),  # nobody has it
        (0x06, 0x4A, [9], 0xCC),
        (0x06, 0x4F, [1, 5], 0x80),
        (0x0C, 0x21, [1, 5, 6], 0x82),
        (0x0C, 0x22, [1, 99, 0, 0], 0x80),
    ],
)
def test_commands_answer_with_the_code_of_the_standard(netfn: int, command: int, data: list[int], code: int) -> None:
    """What it cannot do it says in the completion code that clients know (IPMI 2.0, table 5-2)."""
    assert log_in(bmc_with(), Clock()).raw_command(netfn, command, data=data)["code"] == code


def test_a_console_is_free_again_when_its_session_ends() -> None:
    """One that is closed, and one that nobody has used for long; meanwhile another gets none."""
    bmc, clock = bmc_with(), Clock()
    first, second = log_in(bmc, clock), log_in(bmc, clock)
    assert first.raw_command(*ACTIVATE, data=CONSOLE)["code"] == 0
    assert second.raw_command(*ACTIVATE, data=CONSOLE)["code"] == 0x80
    owner = bytes(second.raw_command(*INSTANCE_INFO, data=[1, 1])["data"][:4])
    assert int.from_bytes(owner, "little") == first.sessionid
    first.raw_command(*CLOSE_SESSION, data=first.sessionid.to_bytes(4, "little"))
    assert second.raw_command(*ACTIVATE, data=CONSOLE)["code"] == 0
    clock.now += 61
    third = log_in(bmc, clock)
    assert bytes(third.raw_command(*ACTIVATION, data=[1])["data"]) == bytes([1, 0, 0])


def test_what_comes_late_twice_and_longer_counts_once() -> None:
    """A packet that is sent again may have more at its end, and may come after the one that followed it."""
    chassis, typed = PlainChassis(), bytearray()
    chassis.press(PowerAction.ON)
    chassis.serial.system = lambda characters: typed.extend(characters or b"")
    sent = list[bytes]()
    line = SolLine(chassis, lambda *_: None, sent.append, lambda: None)
    for number, characters in [(1, b"ab"), (1, b"abc"), (1, b"ab"), (2, b"d"), (1, b"abc"), (3, b"x" * 300)]:
        line.received(bytes([number, 0, 0, 0]) + characters)
    assert typed == b"abcd" + b"x" * 251
    assert sent[-1] == bytes([0, 3, 251, 0])


def test_what_a_console_does_not_take_comes_again() -> None:
    """The rest of what it took some of, after a pause when it has no room; and lost packets, until nobody is there."""
    chassis, sent, waiting, lost = PlainChassis(), list[bytes](), list[Callable[[], None]](), list[bool]()
    line = SolLine(chassis, lambda _, do: waiting.append(do), sent.append, lambda: lost.append(True))
    line.resume()
    chassis.serial.write("abcdef")
    waiting.pop()()
    assert sent == [b"\1\0\0\0abcdef"] * 2
    line.received(bytes([0, 1, 2, 0x40]))
    assert len(sent) == 2
    waiting.pop()()
    assert sent[2] == b"\2\0\0\0cdef"
    for _ in range(200):
        waiting.pop()()
        if lost:
            break
    assert set(sent[3:]) == {sent[2]}
    assert lost


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_garbage_on_a_console_is_survived(noise: list[bytes]) -> None:
    """No packet of Serial over LAN breaks it, and each that has a number is acknowledged unless it is an old one."""
    chassis, sent = PlainChassis(), list[bytes]()
    line = SolLine(chassis, lambda *_: None, sent.append, lambda: None)
    line.resume()
    chassis.press(PowerAction.ON)
    for payload in noise:
        line.received(payload)
        chassis.serial.write("x")
    assert all(len(packet) >= 4 for packet in sent)
    line.close(told=True)
    assert sent[-1] == bytes([0, 0, 0, 0x10])


def test_a_login_needs_the_session_that_was_opened() -> None:
    """RAKP messages 1 and 3 for a session that nobody opened are refused with its status."""
    for kind in (PayloadType.RAKP1, PayloadType.RAKP3):
        answer = bmc_with().answer(rmcp.build(Packet(AuthType.RMCP_PLUS, kind, 0, 0, bytes(60))), 0.0)
        assert rmcp.parse(answer or b"").payload[1] == 0x02


def test_a_forged_packet_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One flipped bit anywhere in a sealed packet, and the machine stays off."""
    bmc, clock = bmc_with(), Clock()
    wire = log_in(bmc, clock)
    sent: list[bytearray] = []
    monkeypatch.setattr(wire._sock, "send", sent.append)
    wire.send_payload(wire._make_ipmi_payload(0x00, 0x02, data=bytearray([1])), payload_type=0)
    [honest] = sent
    for position in range(4, len(honest)):
        flipped = bytearray(honest)
        flipped[position] ^= 1
        assert bmc.answer(bytes(flipped), clock.now) is None
    assert isinstance(bmc.chassis, PlainChassis)
    assert not bmc.chassis.boots
    assert bmc.answer(bytes(honest), clock.now) is not None
    assert len(bmc.chassis.boots) == 1


def test_power_that_takes_time_changes_later() -> None:
    """With `power_takes_s` the change is handed to the event loop, and until then the old power is read."""
    waiting = []
    bmc = Bmc(PlainChassis(), Account("admin", "secret"), lambda after_s, do: waiting.append((after_s, do)))
    bmc.faults.power_takes_s = 4.0
    wire = log_in(bmc, Clock())
    assert wire.raw_command(0x00, 0x02, data=[1])["code"] == 0
    assert wire.raw_command(*CHASSIS_STATUS)["data"][0] == 0
    [(after_s, do)] = waiting
    do()
    assert after_s == 4.0
    assert wire.raw_command(*CHASSIS_STATUS)["data"][0] == 1


def test_boot_flags_for_one_boot_are_taken_once() -> None:
    """The firmware takes an override for one boot once, and one for always each time."""
    flags = BootFlags()
    assert flags.take() == BootOverride(BootDevice.DEFAULT, once=False)
    flags.raw = bytes([0xA0, 0x04, 0, 0, 0])
    assert flags.uefi
    assert flags.take() == BootOverride(BootDevice.NETWORK, once=True)
    assert flags.take() == BootOverride(BootDevice.DEFAULT, once=False)
    flags.raw = bytes([0xC0, 0x08, 0, 0, 0])
    assert [flags.take() for _ in range(2)] == [BootOverride(BootDevice.DISK, once=False)] * 2


def test_on_of_a_machine_that_is_on_starts_nothing() -> None:
    """Pressing on twice boots once; a reset boots again."""
    chassis = PlainChassis()
    for action in (PowerAction.ON, PowerAction.ON, PowerAction.RESET):
        chassis.press(action)
    assert len(chassis.boots) == 2
