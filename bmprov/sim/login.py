"""What an installed system without any user shows on its serial port: a login prompt that lets nobody in."""

from enum import Enum, auto

from bmprov.sim.serial_port import SerialPort

_ENDS = b"\r\n"
_ERASES = b"\b\x7f"
_MOST = 64


class _Asks(Enum):
    NAME = auto()
    PASSWORD = auto()


class Login:
    """The prompt of a machine with this name on its port, which it takes."""

    __slots__ = ("_asks", "_name", "_port", "_typed")

    def __init__(self, name: str, port: SerialPort) -> None:
        self._name = name
        self._port = port
        self._typed, self._asks = 0, _Asks.NAME
        port.system = self.take
        self._prompt()

    def take(self, characters: bytes | None) -> None:
        """Take what is typed; a break begins anew, as it does with Linux's getty."""
        if characters is None:
            self._port.write("\nttyS0: break\n")
            self._prompt()
            return
        for code in characters:
            self._take(code)

    def _take(self, code: int) -> None:
        if code in _ENDS:
            self._end()
        elif code in _ERASES:
            if self._typed:
                self._typed -= 1
                self._echo("\b \b")
        elif chr(code).isascii() and chr(code).isprintable() and self._typed < _MOST:
            self._typed += 1
            self._echo(chr(code))

    def _echo(self, text: str) -> None:
        if self._asks is _Asks.NAME:
            self._port.write(text)

    def _end(self) -> None:
        self._port.write("\n")
        if self._asks is _Asks.PASSWORD:
            self._port.write("\nLogin incorrect\n")
            self._prompt()
        elif self._typed:
            self._typed, self._asks = 0, _Asks.PASSWORD
            self._port.write("Password: ")
        else:
            self._prompt()

    def _prompt(self) -> None:
        self._typed, self._asks = 0, _Asks.NAME
        self._port.write(f"\n{self._name} login: ")
