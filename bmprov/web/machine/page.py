"""The views of a machine. Every order is asked first, on a page of its own, and carries what was seen there.

When the machine has changed since, or another operation came first, nothing is done: the question is asked again on the
new picture, with who did what.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, request
from werkzeug.wrappers import Response

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.model import Machine, Operation
from bmprov.orders import Caller, Outdated, Picture, picture_of
from bmprov.orders.desk import named
from bmprov.orders.rules import POWER, Order, possible
from bmprov.roles import ADMINS, OPERATORS, READERS
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.web.doings import doing
from bmprov.web.live.topic import Topics
from bmprov.web.machine.asked import Asked, Seen, maintenance_asked, notes_asked, order_asked
from bmprov.web.machine.topic import NAME, MachineTopic
from bmprov.web.machine.view import power_shown
from bmprov.web.machine.words import WORDS
from bmprov.web.render import page
from bmprov.web.visitor import allowed, visitor

_PAGE = 50
_DOUBLE_PRESS_S = 10.0


class MachinePage:
    """The pages under `/machines/`."""

    def __init__(self, services: Services, topics: Topics) -> None:
        self._services = services
        self._topics = topics
        topics.add_each(NAME, partial(MachineTopic, services))

    def register(self, blueprint: Blueprint) -> None:
        """Add their rules."""
        one = "/machines/<name>"
        blueprint.add_url_rule(one, view_func=self.machine)
        blueprint.add_url_rule(f"{one}/operations", view_func=self.operations)
        blueprint.add_url_rule(f"{one}/console", view_func=self.console)
        removal = f"{one}/orders/{Order.REMOVE}"
        blueprint.add_url_rule(removal, view_func=self.ask_removal, methods=["GET"])
        blueprint.add_url_rule(removal, view_func=self.remove, methods=["POST"])
        for path, ask, give in (
            ("orders/<order>", self.ask_order, self.give_order),
            ("maintenance", self.ask_maintenance, self.maintain),
            ("notes", self.ask_notes, self.note),
        ):
            blueprint.add_url_rule(f"{one}/{path}", view_func=ask, methods=["GET"])
            blueprint.add_url_rule(f"{one}/{path}", view_func=give, methods=["POST"])

    @allowed(READERS)
    def machine(self, name: str) -> str:
        """The page of one machine, by its name or id."""
        with self._services.store.read() as transaction:
            found = named(transaction, name)
            state = self._topics.paint(f"{NAME}/{found.id}", transaction)
        return page("machine.html", title=found.name, state=state)

    @allowed(READERS)
    def operations(self, name: str) -> str:
        """All that was done to it, page by page."""
        with self._services.store.read() as transaction:
            found = named(transaction, name)
            before = request.args.get("before", "")
            listed = transaction.history.older(found.id, before, _PAGE + 1)
        title = f"Operations of {found.name}"
        return page("machine_operations.html", title=title, machine=found, operations=listed, most=_PAGE)

    @allowed(READERS)
    def console(self, name: str) -> Response:
        """On to its console: a ticket for this browser, once, within a minute."""
        order = self._services.orders.console_of(name, visitor().caller)
        return redirect(self._services.console_url(order, request.host), HTTPStatus.SEE_OTHER)

    @allowed(OPERATORS)
    def ask_order(self, name: str, order: str) -> Response:
        """Whether to give an order."""
        return self._ask(name, self._question(_order(order)))

    @allowed(OPERATORS)
    def give_order(self, name: str, order: str) -> Response:
        """Give it."""
        given = _order(order)
        return self._give(name, self._question(given), partial(self._begin, given))

    @allowed(ADMINS)
    def ask_removal(self, name: str) -> Response:
        """Whether to forget a machine."""
        return self._ask(name, self._question(Order.REMOVE))

    @allowed(ADMINS)
    def remove(self, name: str) -> Response:
        """Forget it."""

        def give(machine: Machine, caller: Caller) -> Response:
            self._services.orders.remove(machine.id, caller)
            flash(f"{machine.name} is removed.", "good")
            return redirect("/", HTTPStatus.SEE_OTHER)

        return self._give(name, self._question(Order.REMOVE), give)

    @allowed(OPERATORS)
    def ask_maintenance(self, name: str) -> Response:
        """Why nothing should be placed on it, or whether that has ended."""
        return self._ask(name, maintenance_asked)

    @allowed(OPERATORS)
    def maintain(self, name: str) -> Response:
        """Set its maintenance, or end it."""
        reason = " ".join(request.form.get("reason", "").split())[:500]

        def give(machine: Machine, caller: Caller) -> Response:
            if not machine.maintenance and not reason:
                raise Invalid("a maintenance needs a reason", "say why, for those who come after you")
            self._services.orders.maintenance(machine.id, "" if machine.maintenance else reason, caller)
            done = "is out of maintenance" if machine.maintenance else "is in maintenance"
            return self._told(machine, f"{machine.name} {done}.")

        return self._give(name, partial(maintenance_asked, reason=reason), give)

    @allowed(OPERATORS)
    def ask_notes(self, name: str) -> Response:
        """What people have to tell of it."""
        return self._ask(name, notes_asked)

    @allowed(OPERATORS)
    def note(self, name: str) -> Response:
        """Keep it."""
        notes = request.form.get("notes", "")

        def give(machine: Machine, caller: Caller) -> Response:
            self._services.orders.note(machine.id, notes, caller)
            return self._told(machine, f"The notes of {machine.name} are kept.")

        return self._give(name, partial(notes_asked, notes=notes), give)

    def _question(self, order: Order) -> Callable[[Seen], Asked]:
        def asked(seen: Seen) -> Asked:
            with self._services.store.read() as transaction:
                managed = transaction.ports.view(seen.machine).managed
            fits = possible(order, seen.machine, seen.running, has_switches=managed)
            question = order_asked(order, seen, is_possible=fits)
            if fits:
                return question
            return question.refusing(_impossible(order, seen))

        return asked

    def _ask(self, name: str, question: Callable[[Seen], Asked]) -> Response:
        return asking(question(self._seen(name)))

    def _give(
        self, name: str, question: Callable[[Seen], Asked], give: Callable[[Machine, Caller], Response]
    ) -> Response:
        now = self._seen(name)
        try:
            return give(now.machine, self._caller(question(now)))
        except (Conflict, Invalid) as error:
            now = self._seen(name)
            if isinstance(error, Outdated) and self._is_double_press(now, error):
                return redirect(f"/machines/{now.machine.id}", HTTPStatus.SEE_OTHER)
            status = HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.UNPROCESSABLE_ENTITY
            return asking(question(now).after(error), status)

    @staticmethod
    def _caller(asked: Asked) -> Caller:
        """Who has answered the question, and what they saw.

        Raises:
            Invalid: the form does not say what they saw, or not the name that they were to type.
        """
        if asked.typed and request.form.get("name", "").strip() != asked.machine.name:
            raise Invalid("that is not its name", f"type {asked.machine.name}, to be sure that this machine is meant")
        return replace(visitor().caller, saw=Picture.parse(request.form.get("saw", "")))

    def _begin(self, order: Order, machine: Machine, caller: Caller) -> Response:
        operation = self._orders(order)(machine.id, caller)
        self._services.nudge(operation)
        return self._told(machine, f"{WORDS[order].button} of {machine.name} has begun.")

    def _orders(self, order: Order) -> Callable[[str, Caller], Operation]:
        orders = self._services.orders
        if order in POWER:
            return lambda machine, caller: orders.power(machine, POWER[order], caller)
        given: Mapping[Order, Callable[[str, Caller], Operation]] = {
            Order.CHECK: orders.check,
            Order.INSPECT: orders.inspect,
            Order.NETWORK_CHECK: orders.check_network,
            Order.NETWORK_APPLY: partial(orders.apply_network, dry_run=False),
            Order.MARK_FIXED: orders.mark_fixed,
            Order.RELEASE: orders.release,
        }
        return given[order]

    def _seen(self, name: str) -> Seen:
        with self._services.store.read() as transaction:
            return seen(transaction, named(transaction, name))

    def _is_double_press(self, now: Seen, error: Outdated) -> bool:
        """Whether all that has happened since is what this very person has just ordered here."""
        who, running = visitor(), now.running
        mine = [event.actor == who.name and event.origin == who.origin for event in error.since]
        recent = self._services.store.clock() - error.since[-1].at < _DOUBLE_PRESS_S if error.since else False
        ordered = request.path.rpartition("/")[2]
        same = any(_is_same(ordered, event.what) for event in error.since)
        return recent and same and all(mine) and (running is None or running.requested_by == who.name)

    @staticmethod
    def _told(machine: Machine, words: str) -> Response:
        flash(words, "good")
        return redirect(f"/machines/{machine.id}", HTTPStatus.SEE_OTHER)


def asking(asked: Asked, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page that asks."""
    return make_response(page("confirm.html", title=asked.title, asked=asked), status)


def seen(transaction: Transaction, machine: Machine) -> Seen:
    """A machine as it is shown to whoever is asked."""
    return Seen(
        machine=machine,
        power=power_shown(machine, transaction.now),
        instance=transaction.instances.get(machine.instance_id) if machine.instance_id else None,
        running=transaction.operations.unfinished_of(machine.id),
        picture=picture_of(transaction, machine),
    )


def _order(text: str) -> Order:
    try:
        return Order(text)
    except ValueError:
        raise NotFound(f"there is no order '{text[:40]}'", "go back to the machine's page") from None


def _is_same(ordered: str, event: str) -> bool:
    """Whether an entry of the audit log is of the order that a form's path names."""
    names = {order.value: f"power {action}" for order, action in POWER.items()}
    names |= {"network-check": "networkcheck", "network-apply": "networkapply", "mark-fixed": "markfixed"}
    return event == names.get(ordered, ordered) or (ordered == "maintenance" and event == "maintenance ended")


def _impossible(order: Order, now: Seen) -> str:
    button = WORDS[order].button
    if now.running is not None and order is not Order.RELEASE:
        return f"{button} is not possible while {doing(now.running)} is under way: wait for its end, or cancel it"
    return f"{button} is not possible for a machine that is {now.machine.state}"
