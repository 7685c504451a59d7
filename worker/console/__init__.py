"""The serial console of a machine in the browser: `bmprov console`."""
