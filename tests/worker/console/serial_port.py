"""The machine's end of a serial line: what ipmi_sim connects to, or a session of an SSH server."""

import socket
import threading
import time
from collections.abc import Callable


class SerialPort:
    """Listens for ipmi_sim. `said` is what was typed so far."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said = b""
        self._line: socket.socket | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def write(self, characters: bytes) -> None:
        """What the machine writes, once somebody listens."""
        until(lambda: self._line is not None)
        assert self._line is not None
        self._line.sendall(characters)

    def close(self) -> None:
        self._listener.close()
        if self._line is not None:
            self._line.close()

    def _listen(self) -> None:
        while True:
            try:
                self._line, _ = self._listener.accept()
                while said := self._line.recv(4096):
                    self.said += said
            except OSError:
                return


def until(holds: Callable[[], object], within_s: float = 10.0) -> None:
    """Return once it holds."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
