"""`bmprov network`: what CloudStack wants of a machine's ports, what the store and LLDP say, and what the switch has.

A machine that nobody has, or that is off, wants its ports closed. Nothing else may be under way on it, so that what is
wanted is known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from bmprov.cabling import Interface, NicCabling
from bmprov.errors import BmprovError
from bmprov.lifecycle import State
from bmprov.model import Nic
from bmprov.payload import InstanceRequest
from bmprov.port_orders import PortOrder, isolated
from bmprov.power import Power
from bmprov.switch import PortState
from worker.flow import Context, Done, Fail, Flow, Outcome, Step
from worker.flows.finding import Verdict
from worker.flows.ports import LIMIT_S, moved

_NO_SWITCHES = "bmprov sets no switches here"
_WHAT_TO_DO = "add the switch with `bmprov switch add`"


@dataclass(frozen=True)
class PortFinding:
    """What is known of one port of a machine, in words; `nic` is empty for a port that only the store remembers.

    `network` is what CloudStack calls the network of the instance's NIC, `known_from` who told of the cable.
    """

    nic: str
    network: str
    port: str
    known_from: str
    wanted: str
    found: str
    verdict: Verdict
    finding: str


def check(context: Context) -> Outcome:
    """Compare, port by port. Nothing is changed."""
    if not context.ports.managed:
        return Fail(_NO_SWITCHES, _WHAT_TO_DO)
    found = list(_findings(context))
    bad = [one for one in found if one.verdict is not Verdict.GOOD]
    said = f"{len(bad)} of {len(found)} ports to look at" if bad else f"{len(found)} ports as they should be"
    return Done(f"{context.machine.name}: {said}", answer=[asdict(one) for one in found])


def plan(context: Context) -> Outcome:
    """Tell the exact commands that `apply` would send."""
    if not context.ports.managed:
        return Fail(_NO_SWITCHES, _WHAT_TO_DO)
    planned = context.ports.plan(_wanted(context), context.by)
    told = [{"switch": name, "commands": list(commands)} for name, commands in planned.items()]
    return Done(f"{sum(map(len, planned.values()))} commands", answer=told)


def apply(context: Context) -> Outcome:
    """Make the ports what they must be, whatever they are now."""
    if not context.ports.managed:
        return Fail(_NO_SWITCHES, _WHAT_TO_DO)
    return moved(context, lambda: context.ports.move(_wanted(context), context.by))


def _wanted(context: Context) -> list[PortOrder]:
    request = _request(context)
    return isolated(context.ports.view) if request is None else context.ports.wished(request)


def _request(context: Context) -> InstanceRequest | None:
    serves = context.machine.state is State.ACTIVE and context.machine.reading.power is not Power.OFF
    return context.request_of() if serves else None


def _findings(context: Context) -> Iterator[PortFinding]:
    view, request = context.ports.view, _request(context)
    try:
        wanted = {order.interface: order for order in _wanted(context)}
        refused = ""
    except BmprovError as error:
        wanted, refused = {}, str(error)
    places = {mac: nic.place.interface for mac, nic in view.cabling.items() if nic.place}
    states = _read(context, {*wanted, *places.values()})
    networks = context.ports.networks(request) if request else {}
    for nic in context.machine.nics:
        row = _Row(nic, view.cabling[nic.mac], networks.get(nic.mac, ""), places.get(nic.mac))
        yield row.compared(wanted, states, refused)
    for interface, order in wanted.items():
        if interface not in places.values():
            yield _compared("", "", interface, "an earlier deployment", order, states)


def _read(context: Context, interfaces: set[Interface]) -> Mapping[Interface, PortState | str]:
    """What the switches have; a sentence where one of them does not tell."""
    return context.ports.read(sorted(interfaces, key=str), context.by)


@dataclass(frozen=True)
class _Row:
    nic: Nic
    cabling: NicCabling
    network: str
    interface: Interface | None

    def compared(
        self, wanted: Mapping[Interface, PortOrder], states: Mapping[Interface, PortState | str], refused: str
    ) -> PortFinding:
        known_from = "; ".join(f"{fact.source}: {fact.words}" for fact in self.cabling.facts)
        if self.interface is None:
            why = "; ".join(self.cabling.conflicts) or "nobody has told its port, and LLDP was not heard"
            return PortFinding(self.nic.mac, self.network, "", known_from, "", "", self._doubt, why)
        if refused:
            state = states.get(self.interface, "")
            words = (self.nic.mac, self.network, str(self.interface), known_from)
            return PortFinding(*words, "", str(state), Verdict.BAD, refused)
        return _compared(self.nic.mac, self.network, self.interface, known_from, wanted.get(self.interface), states)

    @property
    def _doubt(self) -> Verdict:
        return Verdict.BAD if self.network or self.cabling.conflicts else Verdict.WARNING


def _compared(
    nic: str,
    network: str,
    interface: Interface,
    known_from: str,
    order: PortOrder | None,
    states: Mapping[Interface, PortState | str],
) -> PortFinding:
    state = states[interface]
    verdict, finding = Verdict.GOOD, "as it should be"
    if isinstance(state, str):
        verdict, finding, state = Verdict.BAD, state, ""
    elif order is None:
        verdict, finding = Verdict.BAD, "it is open for another machine"
    elif told := order.change.differences(state):
        verdict = Verdict.BAD if nic or state.enabled else Verdict.WARNING
        finding = "; ".join(told)
    return PortFinding(nic, network, str(interface), known_from, str(order or ""), str(state), verdict, finding)


NETWORK: Mapping[str, Flow] = {
    "networkcheck": Flow((Step("compare the ports", check, LIMIT_S),)),
    "networkplan": Flow((Step("plan the ports", plan, LIMIT_S),)),
    "networkapply": Flow((Step("switch ports", apply, LIMIT_S),)),
}
