"""The steps of operations in plain words, for those who do not know what a ramdisk is. A test knows every step."""

from collections.abc import Mapping
from types import MappingProxyType

STEP_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "allocate": "making sure of the machine",
        "boot device: CD, once": "telling the BMC to boot from the virtual CD, once",
        "boot device: default": "telling the BMC to boot as usual",
        "boot device: disk": "telling the BMC to boot from disk",
        "boot device: network, once": "telling the BMC to boot from the network, once",
        "choose the interfaces": "choosing the network interfaces in MAAS",
        "clean": "making the machine ready for the next",
        "compare the ports": "comparing the switch ports with what they should be",
        "deploy with user data": "telling MAAS to deploy",
        "find the console": "looking for a serial console",
        "interfaces and VLANs": "setting interfaces and VLANs in MAAS",
        "interfaces at home": "putting the interfaces back in MAAS",
        "leave rescue mode": "leaving MAAS's rescue system",
        "lock in MAAS": "locking it in MAAS",
        "look in MAAS": "looking at it in MAAS",
        "mark broken in MAAS": "marking it broken in MAAS",
        "mark fixed in MAAS": "marking it fixed in MAAS",
        "plan the ports": "planning the switch ports",
        "power cycle": "switching it off and on",
        "power off": "switching it off",
        "power on": "switching it on",
        "read back the interfaces": "reading the interfaces back from MAAS",
        "read the power": "asking the BMC for the power",
        "reboot": "restarting from its disk",
        "release": "telling MAAS to release it",
        "rescue mode": "starting MAAS's rescue system",
        "reset": "resetting it",
        "shut down": "asking its system to shut down",
        "switch ports": "setting the switch ports",
        "switch ports: closed": "closing the switch ports",
        "switch ports: provisioning": "setting the switch ports to the provisioning network",
        "switch ports: tenant": "setting the switch ports to the tenant's network",
        "unlock in MAAS": "unlocking it in MAAS",
        "verify": "checking that it runs",
        "virtual CD: eject": "taking the virtual CD out",
        "virtual CD: insert": "showing it the virtual CD",
        "wait for Deployed": "MAAS deploys it",
        "wait for Ready": "MAAS takes it back",
        "wait for the image to be written": "writing the image to its disk",
        "wait for the ramdisk": "booting the system that writes the image",
    }
)


def plain(step: str) -> str:
    """A step in plain words; a custom action's own, which is named for what it does, as it is."""
    return STEP_WORDS.get(step, step)
