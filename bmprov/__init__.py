"""The domain of bmprov and its faces: store, queue, REST API, command line and simulated machines."""

__version__ = "0.1.0"
