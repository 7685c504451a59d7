"""A switch whose command line a dialect describes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, SwitchBusy, SwitchMismatch, SwitchRefused
from bmprov.port_names import checked_port
from bmprov.switch import Change, Outcome, Plan, PortState, SwitchLogin, differences
from worker.switches.dialect import Dialect
from worker.switches.reading import listed
from worker.switches.session import Session, session
from worker.switches.switch_lock import SwitchLock

_SHOWN = 160


class CommandLineSwitch:
    """Fulfils `bmprov.switch.Switch` over SSH."""

    def __init__(self, login: SwitchLogin, dialect: Dialect, lock: SwitchLock) -> None:
        self._login = login
        self._dialect = dialect
        self._lock = lock

    def read(self, ports: Sequence[str], by: Deadline) -> Mapping[str, PortState]:
        """The ports as configured."""
        self._check_names(ports)
        with self._conversation(by) as conversation:
            return conversation.read(ports)

    def plan(self, changes: Sequence[Change], by: Deadline) -> Plan:
        """What `apply` would send."""
        self._check_names(change.port for change in changes)
        with self._conversation(by) as conversation:
            before = conversation.read([change.port for change in changes])
            lines, missing = conversation.work(changes, before)
            return Plan(
                before, [*self._dialect.changing(self._dialect.creation(missing)), *self._dialect.changing(lines)]
            )

    def apply(self, changes: Sequence[Change], by: Deadline, *, save: bool = False) -> Outcome:
        """Make the changes and read them back."""
        self._check_names(change.port for change in changes)
        with self._conversation(by) as conversation:
            before = conversation.read([change.port for change in changes])
            lines, missing = conversation.work(changes, before)
            if missing:
                conversation.create(missing)
            after = before
            if lines:
                conversation.configure(lines)
                after = conversation.read(list(before))
                if told := differences(changes, after):
                    raise SwitchMismatch(
                        f"switch {self._login.address} took every line, and {'; '.join(told)}",
                        "see whether somebody else configures it, or whether it has restarted",
                    )
            if save:
                conversation.save()
            return Outcome(before, after, conversation.sent, save)

    def _check_names(self, ports: Iterable[str]) -> None:
        for port in ports:
            checked_port(self._dialect.name, port)

    @contextmanager
    def _conversation(self, by: Deadline) -> Iterator["_Conversation"]:
        with self._lock.hold(self._login.address, by), session(self._login, self._dialect, by) as open_session:
            yield _Conversation(open_session, self._login, self._dialect, by)


class _Conversation:
    """What is said in one session. `sent` are the lines that may have changed something."""

    def __init__(self, open_session: Session, login: SwitchLogin, dialect: Dialect, by: Deadline) -> None:
        self._session = open_session
        self._login = login
        self._dialect = dialect
        self._by = by
        self.sent: list[str] = []

    def read(self, ports: Sequence[str]) -> Mapping[str, PortState]:
        """The ports' states; what concerns all ports is asked once."""
        shared = {
            line: self._session.send(line, self._by) for line in self._dialect.read if ports and "{port}" not in line
        }
        return {port: self._read_one(port, shared) for port in ports}

    def work(self, changes: Sequence[Change], before: Mapping[str, PortState]) -> tuple[list[str], frozenset[int]]:
        """The lines that the changes want, and the VLANs among them that the switch does not have yet.

        Raises:
            SwitchRefused: it lacks VLANs that may not be created, or cannot have what is ordered.
        """
        made = {change: self._dialect.lines(change, before[change.port]) for change in changes}
        wanted = {vlan for change in changes if made[change] and change.setting for vlan in change.setting.vlans}
        missing = frozenset(wanted - self._vlans()) if wanted else frozenset()
        if missing and not self._login.create_vlans:
            raise self._lacking(missing, "create them there, or allow bmprov to")
        return [line for lines in made.values() for line in lines], missing

    def create(self, vlans: frozenset[int]) -> None:
        """Make these VLANs, and see that they are there before any port needs them."""
        self.configure(self._dialect.creation(vlans))
        if missing := vlans - self._vlans():
            raise self._lacking(missing, "see whether it takes its VLANs from another (VTP, MVRP), or has no more room")

    def configure(self, lines: Sequence[str]) -> None:
        """Send lines to the configuration. With a commit, all of them count or none."""
        entered = False
        try:
            for line in self._dialect.enter:
                self._change(line)
            entered = True
            for line in lines:
                self._change(line)
            self._commit()
        except BmprovError:
            if entered:
                self._abandon()
            raise
        for line in self._dialect.leave:
            self._change(line)

    def save(self) -> None:
        """Keep the running configuration over a restart."""
        for line in self._dialect.save:
            self._change(line)

    def _commit(self) -> None:
        if not self._dialect.commit:
            return
        text = self._change(self._dialect.commit)
        if self._dialect.committed not in text:
            raise SwitchRefused(f"switch {self._login.address} did not commit: {_shown(text)}", "commit there by hand")

    def _abandon(self) -> None:
        """Drop what was not committed, as far as the switch still listens."""
        with suppress(BmprovError):
            for line in self._dialect.abandon or self._dialect.leave:
                self._session.send(line, self._by)

    def _change(self, line: str) -> str:
        self.sent.append(line)
        text = self._session.send(line, self._by)
        if found := self._dialect.busy.search(text):
            why = f"switch {self._login.address} is configured by another session ({_line_of(text, found.start())})"
            raise SwitchBusy(why, "look who is logged in there")
        if self._dialect.denied.search(text):
            why = f"user '{self._login.user}' may not say '{line}' on switch {self._login.address}"
            raise SwitchRefused(why, "give it the right to configure VLANs and ports")
        if found := self._dialect.errors.search(text):
            why = f"switch {self._login.address} would not take '{line}': {_line_of(text, found.start(1))}"
            raise SwitchRefused(
                why, f"see whether it is a {self._dialect.name}, and whether its version has this command"
            )
        return text

    def _read_one(self, port: str, shared: Mapping[str, str]) -> PortState:
        texts = [
            shared[line] if line in shared else self._session.send(line.replace("{port}", port), self._by)
            for line in self._dialect.read
        ]
        try:
            state = self._dialect.parse(port, texts)
        except ValueError:
            state = None
        if state is not None:
            return state
        if any(self._dialect.missing.search(text) for text in texts):
            raise SwitchRefused(f"switch {self._login.address} has no port {port}", "check the cabling's spelling")
        for text in texts:
            self._look_for_errors(text)
        raise SwitchMismatch(
            f"switch {self._login.address} tells of port {port} what no {self._dialect.name} says ({_shown(texts[0])})",
            "see whether that is its dialect",
        )

    def _vlans(self) -> frozenset[int]:
        text = self._session.send(self._dialect.vlans, self._by)
        self._look_for_errors(text)
        return listed(self._dialect.vlan.findall(text))

    def _look_for_errors(self, text: str) -> None:
        if found := self._dialect.denied.search(text) or self._dialect.errors.search(text):
            why = f"switch {self._login.address} would not be read: {_line_of(text, found.start())}"
            raise SwitchRefused(why, "check the rights of the user, and the dialect in the switch's address")

    def _lacking(self, vlans: frozenset[int], check: str) -> SwitchRefused:
        named = ", ".join(str(vlan) for vlan in sorted(vlans))
        return SwitchRefused(f"switch {self._login.address} lacks VLAN {named}; no port was touched", check)


def _line_of(text: str, at: int) -> str:
    """What is said from this place's line on."""
    return _shown(text[text.rfind("\n", 0, at) + 1 :])


def _shown(text: str) -> str:
    """The beginning of a text, in printable characters."""
    return "".join(one if one.isprintable() else " " for one in " ".join(text.split()))[:_SHOWN]
