"""What may be ordered, by CloudStack and by people, and what each order changes.

Every order checks, changes, begins an operation and writes the audit event in one transaction, or it raises and changes
nothing. No order waits for hardware: the caller polls the operation that it gets.
"""

from bmprov.orders.cable_entry import NicPort
from bmprov.orders.cabling import CablingOrders, Entered, MachineCable
from bmprov.orders.cloudstack import CloudStackOrders, for_account
from bmprov.orders.connections import Connection, ConnectionOrders, Connections
from bmprov.orders.consoles import ConsoleOrder
from bmprov.orders.desk import Answer, Caller
from bmprov.orders.machines import NOTES_CHARS, MachineOrders, NewMachine
from bmprov.orders.people import ROLES, NewPerson, PeopleOrders, PersonChange
from bmprov.orders.picture import Outdated, Picture, picture_of
from bmprov.orders.regions import NewRegion, RegionChange, RegionOrders
from bmprov.orders.sign_on import NotLetIn, SignOn, Vouched
from bmprov.orders.signing_in import LINK_S, Browser, Entry, NotThem, SigningIn, TooManyTries
from bmprov.orders.switches import NewSwitch, SwitchChange, SwitchOrders
from bmprov.orders.walls import NewWallLink, WallOrders
from bmprov.orders.webhooks import NewWebhook, WebhookChange, WebhookOrders

__all__ = [
    "LINK_S",
    "NOTES_CHARS",
    "ROLES",
    "Answer",
    "Browser",
    "Caller",
    "Connection",
    "Connections",
    "ConsoleOrder",
    "Entered",
    "Entry",
    "MachineCable",
    "NewMachine",
    "NewPerson",
    "NewRegion",
    "NewSwitch",
    "NewWallLink",
    "NewWebhook",
    "NicPort",
    "NotLetIn",
    "NotThem",
    "Orders",
    "Outdated",
    "PersonChange",
    "Picture",
    "RegionChange",
    "SwitchChange",
    "TooManyTries",
    "Vouched",
    "WebhookChange",
    "for_account",
    "picture_of",
]


class Orders(
    ConnectionOrders,
    CloudStackOrders,
    MachineOrders,
    RegionOrders,
    SwitchOrders,
    CablingOrders,
    PeopleOrders,
    SigningIn,
    SignOn,
    WallOrders,
    WebhookOrders,
):
    """All orders, on one store."""
