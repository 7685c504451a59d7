"""The cable between a machine's serial port and its BMC's: `serial_cable.py SOCKET PORT`.

QEMU and ipmi_sim both connect to somebody who listens, QEMU anew after each reset. What one says the other hears, when
it is there. Standard library only.
"""

import selectors
import socket
import sys
from pathlib import Path

_CHUNK = 4096


class End:
    """One end of the cable: who is plugged in there last."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.plugged: socket.socket | None = None


def main(path: str, port: str) -> None:
    """Be the cable."""
    Path(path).unlink(missing_ok=True)
    bmc, machine = socket.create_server(("127.0.0.1", int(port))), socket.socket(socket.AF_UNIX)
    machine.bind(path)  # last: who sees it knows that both ends can be plugged in
    machine.listen()
    ends = [End(machine), End(bmc)]
    selector = selectors.DefaultSelector()
    for end, other in zip(ends, reversed(ends), strict=True):
        selector.register(end.listener, selectors.EVENT_READ, (end, other))
    while True:
        for key, _ in selector.select():
            end, other = key.data
            if key.fileobj is end.listener:
                plug(selector, end, other)
            else:
                carry(selector, end, other)


def plug(selector: selectors.BaseSelector, end: End, other: End) -> None:
    """Somebody comes, in place of who was there before."""
    unplug(selector, end)
    end.plugged, _ = end.listener.accept()
    selector.register(end.plugged, selectors.EVENT_READ, (end, other))


def unplug(selector: selectors.BaseSelector, end: End) -> None:
    """Nobody is there any more."""
    if end.plugged is not None:
        selector.unregister(end.plugged)
        end.plugged.close()
        end.plugged = None


def carry(selector: selectors.BaseSelector, end: End, other: End) -> None:
    """Hand on what was said."""
    assert end.plugged is not None
    try:
        said = end.plugged.recv(_CHUNK)
    except OSError:
        said = b""
    if not said:
        unplug(selector, end)
    elif other.plugged is not None:
        try:
            other.plugged.sendall(said)
        except OSError:
            unplug(selector, other)


if __name__ == "__main__":
    main(*sys.argv[1:])
