"""SIGTERM and SIGINT as an event that a serving loop looks at."""

import signal
import threading


def stop_signals() -> threading.Event:
    """An event that is set when this process is asked to stop."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
