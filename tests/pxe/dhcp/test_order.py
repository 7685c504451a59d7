"""Machines and the server over a network that loses, doubles, delays and reorders: whatever it does, they agree."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.dhcp.packet import MessageType, Option, Packet, parse, serialise
from pxe.dhcp.policy import Answer, Policy, Wanted
from pxe.dhcp.terms import Terms

SERVER = IPv4Address("10.1.0.1")
TERMS = Terms(SERVER, IPv4Network("10.1.0.0/24"), "http://10.1.0.1:8080")
MACHINES = 4
PATIENCE = 4


@dataclass
class Range:
    """One address for each machine and not one more, kept in memory."""

    given: dict[str, IPv4Address] = field(default_factory=dict)

    def lookup(self, mac: str) -> Wanted | str:
        return Wanted(mac, "op", "http://10.1.0.1:8080/script.ipxe")

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address | str:
        assert network == TERMS.network
        assert operation_id == "op"
        free = next((SERVER + n for n in range(1, MACHINES + 1) if SERVER + n not in self.given.values()), None)
        if mac not in self.given and free is not None:
            self.given[mac] = free
        return self.given.get(mac, "no address is left")

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert (self.given[mac], operation_id) == (address, "op")

    def release(self, mac: str) -> None:
        self.given.pop(mac, None)

    def decline(self, mac: str, address: IPv4Address) -> None:
        assert self.given.pop(mac) == address


@dataclass
class Machine:
    """A client as RFC 2131, figure 5 draws it, as far as booting takes it."""

    mac: str
    xid: int = 0
    offered: IPv4Address | None = None
    bound: IPv4Address | None = None

    def start(self) -> bytes:
        self.xid, self.offered, self.bound = self.xid + 1, None, None
        return self._asks(MessageType.DISCOVER, {})

    def again(self) -> bytes:
        """What a client sends when no answer came."""
        if self.offered is None:
            return self.start()
        chosen = {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: self.offered.packed}
        return self._asks(MessageType.REQUEST, chosen)

    def hear(self, data: bytes) -> bytes | None:
        told = parse(data)
        if told.mac != self.mac or told.xid != self.xid or self.bound is not None:
            return None
        if told.kind is MessageType.OFFER and self.offered is None:
            self.offered = told.yiaddr
            return self.again()
        if told.kind is MessageType.ACK and self.offered is not None:
            assert told.yiaddr == self.offered
            self.bound = told.yiaddr
        return self.start() if told.kind is MessageType.NAK else None

    def _asks(self, kind: MessageType, more: dict[int, bytes]) -> bytes:
        return serialise(Packet(1, self.xid, self.mac, {Option.MESSAGE_TYPE: bytes([kind]), **more}))


class Network:
    """Packets on their way, in both directions."""

    def __init__(self) -> None:
        self.machines = [Machine(f"52:54:00:00:00:{number:02x}") for number in range(MACHINES)]
        self.policy = Policy(TERMS, Range(), Range())
        self.flying: list[bytes] = []

    def deliver(self, place: int, *, keep: bool = False) -> None:
        data = self.flying[place] if keep else self.flying.pop(place)
        if data[0] == 1:
            answer = self.policy.answer(parse(data))
            self.flying += [serialise(answer.packet)] if isinstance(answer, Answer) else []
        else:
            self.flying += [said for machine in self.machines if (said := machine.hear(data))]

    def calm_down(self) -> None:
        """Everything arrives from now on, and who has waited in vain asks again."""
        for _ in range(PATIENCE):
            while self.flying:
                self.deliver(0)
            self.flying += [machine.again() for machine in self.machines if machine.bound is None]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["start", "again", "deliver", "double", "lose"]), st.integers(0, 1000)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(actions=ACTIONS)
def test_every_machine_ends_with_an_address_of_its_own(actions: list[tuple[str, int]]) -> None:
    """No two share one, and the range, which has no address to spare, suffices: none is ever given twice."""
    network = Network()
    for action, number in actions:
        if action in ("start", "again"):
            network.flying.append(getattr(network.machines[number % MACHINES], action)())
        elif network.flying and action == "lose":
            network.flying.pop(number % len(network.flying))
        elif network.flying:
            network.deliver(number % len(network.flying), keep=action == "double")
    network.calm_down()
    assert {machine.bound for machine in network.machines} == {SERVER + n for n in range(1, MACHINES + 1)}
