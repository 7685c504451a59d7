"""Where the commands of a Linux bridge run: on this host, maybe in another network namespace, or on another over SSH.

A command is a list of arguments. SSH can only carry one string to the other side's shell: there every argument is
quoted, whatever is in it.
"""

import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import paramiko

from bmprov.deadline import Deadline
from bmprov.errors import SwitchAuthFailed, SwitchRefused, SwitchUnreachable
from bmprov.switch import SwitchLogin
from bmprov.switch_address import SwitchAddress
from worker.switches.private_key import private_key, secrets_of
from worker.switches.session import HostKey, broken_off, cable

_LEAST_S = 0.1
_MOST_BYTES = 2**20


@dataclass(frozen=True)
class Answer:
    """What a command has said, and its exit status."""

    status: int
    output: str
    errors: str


Runner = Callable[[Sequence[str], Deadline], Answer]


class Commands(Protocol):
    """A host that runs commands."""

    def open(self, by: Deadline) -> AbstractContextManager[Runner]:
        """What runs commands there while the block lasts.

        Raises:
            SwitchUnreachable, SwitchAuthFailed, SwitchRefused: as `bmprov.switch.Switch` has them.
        """
        ...


class LocalCommands:
    """This host. `prefix` leads somewhere else on it, such as `ip netns exec NAME`."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._prefix = tuple(prefix)

    @contextmanager
    def open(self, by: Deadline) -> Iterator[Runner]:  # noqa: ARG002 - nothing to open
        """What runs commands here."""
        yield self._run

    def _run(self, command: Sequence[str], by: Deadline) -> Answer:
        try:
            done = subprocess.run(
                [*self._prefix, *command], capture_output=True, timeout=max(_LEAST_S, by.remaining_s), check=False
            )
        except subprocess.TimeoutExpired as error:
            raise SwitchUnreachable(f"`{command[0]}` did not end in time", "check the load of this host") from error
        except OSError as error:
            raise SwitchRefused(f"`{command[0]}` cannot be run ({error.strerror})", "install iproute2") from error
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


class SshCommands:
    """Another host, over one SSH connection. `prefix` is as `LocalCommands` has it, `sudo -n` for example."""

    def __init__(self, login: SwitchLogin, prefix: Sequence[str] = ()) -> None:
        self._login = login
        self._prefix = tuple(prefix)

    @contextmanager
    def open(self, by: Deadline) -> Iterator[Runner]:
        """What runs commands there; the deadline cuts the connection."""
        address = self._login.address
        with cable(address, by) as wire:
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(HostKey(self._login))
            try:
                with broken_off(address, by):
                    self._log_in(client, wire, by)
                yield lambda command, until: self._run(client, command, until)
            finally:
                client.close()

    def _log_in(self, client: paramiko.SSHClient, wire: socket.socket, by: Deadline) -> None:
        left_s, there = max(_LEAST_S, by.remaining_s), SwitchAddress.parse(self._login.address)
        try:
            client.connect(
                there.host,
                there.port,
                username=self._login.user,
                password=self._login.password,
                pkey=private_key(self._login),
                sock=wire,
                timeout=left_s,
                banner_timeout=left_s,
                auth_timeout=left_s,
                allow_agent=False,
                look_for_keys=False,
            )
        except paramiko.AuthenticationException as error:
            raise SwitchAuthFailed(self._login.address, self._login.user, secrets_of(self._login)) from error

    def _run(self, client: paramiko.SSHClient, command: Sequence[str], by: Deadline) -> Answer:
        left_s = max(_LEAST_S, by.remaining_s)
        with broken_off(self._login.address, by):
            line = shlex.join([*self._prefix, *command])
            _, output, errors = client.exec_command(line, timeout=left_s)
            told, complaints = output.read(_MOST_BYTES), errors.read(_MOST_BYTES)
            status = output.channel.recv_exit_status()
        return Answer(status, told.decode(errors="replace"), complaints.decode(errors="replace"))
