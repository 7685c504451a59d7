"""Words of the trade that stand on the pages, each with the sentence that its tip shows."""

from collections.abc import Mapping
from types import MappingProxyType

GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "BMC": "Baseboard management controller: the small computer in a server that switches it on and off.",
        "breaker": "After a BMC has been silent three times in a row, it is left alone for up to four minutes.",
        "DHCP": "How a machine that boots from the network gets an address and the name of its first loader.",
        "drift": "What a machine or a switch port is differs from what bmprov wants it to be.",
        "instance": "What CloudStack calls the server that a tenant has deployed.",
        "iPXE": "The boot loader that bmprov gives a machine over the network.",
        "lease": "A worker's claim on an operation. It ends by itself when the worker dies, and another takes over.",
        "MAC": "The address of a network port, as it stands on the port's label.",
        "maintenance": "Set by people (or by bmprov after a fault): no instance is placed on the machine.",
        "NIC": "Network interface card: a machine's network port.",
        "out-of-band": "The power changed and bmprov had not ordered it: a button, a fault, or another program.",
        "PXE": "Booting from the network, by DHCP and TFTP.",
        "queue": "What workers still have to look at: power first, then deployments.",
        "ramdisk": "The small system that a machine boots into so that bmprov can inspect it or write its image.",
        "reading": "What the BMC said last about the power, and when. Over 90 s old, it counts as unknown.",
        "SHA-256": "The fingerprint of a file's content: two files with the same one are the same file.",
        "sweep": "Every 30 s bmprov reads the power of all machines.",
        "TFTP": "The simple protocol by which a machine's firmware fetches its first loader.",
        "VLAN": "The numbered network that a switch port is on; CloudStack issues the tenant's.",
        "wall screen": "A read-only view for a screen on the wall, opened by a link that can be revoked.",
        "webhook": "A message that bmprov sends to another program when something happens.",
        "worker": "A process that carries out operations: it talks to BMCs and switches.",
    }
)
