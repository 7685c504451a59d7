"""A session on a switch's command line over SSH, by netmiko, which ends by its deadline whatever the switch does.

Netmiko logs in, finds the prompt and turns paging off; lines are exchanged here, one by one, because each answer is
looked at before the next line is sent. No word of the login gets into an error.
"""

import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import netmiko
import paramiko
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException, ReadException

from bmprov.deadline import Deadline
from bmprov.errors import SwitchAuthFailed, SwitchRefused, SwitchUnreachable
from bmprov.switch import SwitchLogin
from bmprov.switch_address import SwitchAddress
from worker.switches.dialect import Dialect
from worker.switches.private_key import private_key, secrets_of

for _chatty in ("paramiko", "netmiko"):  # they log, some with a traceback, what is told in an exception too
    logging.getLogger(_chatty).setLevel(logging.CRITICAL)

_CONNECT_S = 10.0
_LEAST_S = 0.1
_LOOK_EVERY_S = 0.003
_PROMPT_CHARACTERS = 500
_MOST_CHARACTERS = 2**23
_SHOWN = 200


class Session:
    """An open command line. Made by `session`."""

    def __init__(self, connection: netmiko.BaseConnection, address: str) -> None:
        self._connection = connection
        self._address = address
        prompt = re.escape(connection.base_prompt)
        # what values may hold has none of these endings, so that an echo is never taken for a prompt
        self._prompt = re.compile(rf"\n[^\n]*{prompt}[^\n]*[>#\]$][ ]?\Z")

    def send(self, line: str, by: Deadline) -> str:
        """Type a line and return what the switch prints until its next prompt, without its echo.

        Raises:
            SwitchUnreachable: no prompt by the deadline, or the connection broke.
        """
        with broken_off(self._address, by):
            self._connection.read_channel()  # what a console log has printed meanwhile
            self._connection.write_channel(line + self._connection.RETURN)
            text = self._read(by).replace("\r", "")
        return text.partition("\n")[2].rpartition("\n")[0]

    def _read(self, by: Deadline) -> str:
        """All that comes until a prompt. Netmiko's own reading would go on after the switch has hung up."""
        text, channel = "", self._connection.remote_conn
        assert isinstance(channel, paramiko.Channel)  # noqa: S101 - for mypy: no dialect is by telnet
        while not self._prompt.search(text[-_PROMPT_CHARACTERS:]):
            hung_up = channel.closed or channel.eof_received
            if piece := self._connection.read_channel():
                text += piece
            elif hung_up:
                raise EOFError("it hung up")
            elif by.passed or len(text) > _MOST_CHARACTERS:
                raise TimeoutError("no prompt came")
            else:
                time.sleep(_LOOK_EVERY_S)  # paramiko tells nobody that something has come
        return text


@contextmanager
def session(login: SwitchLogin, dialect: Dialect, by: Deadline) -> Iterator[Session]:
    """A session while the block lasts; at the deadline its connection is cut.

    Raises:
        SwitchUnreachable: nobody answers, or not by the deadline, or not in SSH.
        SwitchAuthFailed: the switch refused the user, the password or the enable password.
        SwitchRefused: its host key is not the one that is trusted.
    """
    with cable(login.address, by) as wire:
        connection = _connected(login, dialect, wire, by)
        try:
            yield Session(connection, login.address)
        finally:
            _hang_up(connection)


@contextmanager
def cable(address: str, by: Deadline) -> Iterator[socket.socket]:
    """A connection to the switch, which the deadline cuts: netmiko and paramiko have waits that heed no other."""
    there = SwitchAddress.parse(address)
    try:
        patience_s = max(_LEAST_S, by.within(_CONNECT_S).remaining_s)
        wire = socket.create_connection((there.host, there.port), timeout=patience_s)
    except OSError as error:
        raise SwitchUnreachable(
            f"switch {address} does not answer ({error.strerror or error})", "check its management port and SSH"
        ) from error
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each line waits for the answer to the one before
    cut = threading.Timer(by.remaining_s, _cut, [wire])
    cut.daemon = True
    cut.start()
    try:
        yield wire
    finally:
        cut.cancel()
        cut.join()
        wire.close()


def _cut(wire: socket.socket) -> None:
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)


def _connected(login: SwitchLogin, dialect: Dialect, wire: socket.socket, by: Deadline) -> netmiko.BaseConnection:
    there = SwitchAddress.parse(login.address)
    left_s = max(_LEAST_S, by.remaining_s)
    with broken_off(login.address, by), _login_refused(login):
        connection: netmiko.BaseConnection = netmiko.ConnectHandler(
            device_type=dialect.device_type,
            host=there.host,
            port=there.port,
            username=login.user,
            password=login.password,
            secret=login.enable,
            pkey=private_key(login),
            sock=wire,
            conn_timeout=left_s,
            auth_timeout=left_s,
            banner_timeout=left_s,
            blocking_timeout=left_s,
            read_timeout_override=left_s,
            auto_connect=False,
        )
        connection.key_policy = HostKey(login)
        try:
            connection._open()  # noqa: SLF001 - netmiko's own way to connect later, once the policy is ours
            if dialect.needs_enable and not connection.check_enable_mode():
                _enable(connection, login)
        except BaseException:
            _hang_up(connection)
            raise
    return connection


def _hang_up(connection: netmiko.BaseConnection) -> None:
    """Close it at once: netmiko's own way says `exit` first and waits, which frees nothing that closing does not."""
    with suppress(OSError, EOFError, paramiko.SSHException):
        connection.paramiko_cleanup()
    netmiko.log.removeFilter(connection._secrets_filter)  # noqa: SLF001 - it would stay for good


def _enable(connection: netmiko.BaseConnection, login: SwitchLogin) -> None:
    try:
        connection.enable()
    except ValueError as error:
        raise SwitchAuthFailed(login.address, login.user, "the enable password") from error


class HostKey(paramiko.MissingHostKeyPolicy):
    """Believes the host key whose fingerprint is known, and any when none is."""

    def __init__(self, login: SwitchLogin) -> None:
        self._login = login

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002 - paramiko's
        """Called for every key, as no file of known hosts is read, and before the password is sent."""
        if self._login.host_key and key.fingerprint != self._login.host_key:
            raise SwitchRefused(
                f"the SSH host key of {self._login.address} is {key.fingerprint} and not {self._login.host_key}",
                "if the switch was replaced or reset, tell its new fingerprint",
            )


@contextmanager
def _login_refused(login: SwitchLogin) -> Iterator[None]:
    try:
        yield
    except NetmikoAuthenticationException as error:
        raise SwitchAuthFailed(login.address, login.user, secrets_of(login)) from error


@contextmanager
def broken_off(address: str, by: Deadline) -> Iterator[None]:
    """What netmiko, paramiko and the socket raise when the other side is gone, silent or talks nonsense, as ours."""
    try:
        yield
    except (NetmikoTimeoutException, ReadException, paramiko.SSHException, OSError, EOFError, ValueError) as error:
        if by.passed:
            why, check = "did not answer in time", "check the load of the switch, and that its dialect is the right one"
        else:
            why = "has broken off the session, or speaks no SSH"
            check = "see whether it has restarted, and has a free line to log in by"
        raise SwitchUnreachable(f"switch {address} {why} ({_first_line(error)})", check) from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_SHOWN]
