"""A tenant's way into an instance of the tiny system: a shell for whoever connects, on the tenant's own network."""

import base64

from tests import debian
from tests.lab.router import ADDRESS, PHONE_HOME_PORT, Home

PORT = 2323
_SCRIPT = f"""#!/bin/sh
nc -ll -p {PORT} -e /bin/sh &
wget -q -O /dev/null \
    "http://{ADDRESS.ip}:{PHONE_HOME_PORT}/?host=$(hostname)&mac=$(cat /sys/class/net/eth0/address)"
"""
USER_DATA = base64.b64encode(_SCRIPT.encode()).decode()
"""It opens the shell and phones home, with the MAC that its NIC has."""


def shell(home: Home, address: str, *lines: str) -> str:
    """What these lines print in the instance at this address, asked from its router."""
    told = "\n".join(["exec 2>&1", *lines, "exit", ""])
    done = home.run(debian.program("busybox", "busybox-static"), "nc", address, str(PORT), told=told)
    assert done.returncode == 0, f"no shell at {address}: {done.stderr}"
    return done.stdout
