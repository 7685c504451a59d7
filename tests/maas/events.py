"""The log of events: their types with MAAS's levels and words (src/maascommon/events.py of 3.7.3)."""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from tests.maas.answers import Document
from tests.maas.machine import Machine, now

_DATE = "%a, %d %b. %Y %H:%M:%S"
LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
LEVELS["CRITICAL"], LEVELS["AUDIT"] = logging.CRITICAL, 0


class EventType(Enum):
    """What MAAS calls a kind of event, and its level."""

    POWERED_ON = "Node powered on", "DEBUG"
    POWERED_OFF = "Node powered off", "DEBUG"
    POWER_ON_FAILED = "Failed to power on node", "ERROR"
    POWER_OFF_FAILED = "Failed to power off node", "ERROR"
    POWER_QUERY_FAILED = "Failed to query node's BMC", "WARNING"
    CHANGED_STATUS = "Node changed status", "DEBUG"
    ACQUIRE = "User acquiring node", "DEBUG"
    START_DEPLOYMENT = "User starting deployment", "DEBUG"
    ABORT_DEPLOYMENT = "User aborting deployment", "DEBUG"
    ABORT_COMMISSIONING = "User aborting node commissioning", "DEBUG"
    ABORT_TESTING = "User aborting node testing", "DEBUG"
    START = "User powering up node", "DEBUG"
    STOP = "User powering down node", "DEBUG"
    RELEASE = "User releasing node", "DEBUG"
    ERASE_DISK = "User erasing disk", "DEBUG"
    ABORT_ERASE_DISK = "User aborting disk erase", "DEBUG"
    MARK_BROKEN = "User marking node broken", "DEBUG"
    MARK_FIXED = "User marking node fixed", "DEBUG"
    MARK_FAILED = "Marking node failed", "ERROR"
    LOCK = "User locking node", "DEBUG"
    UNLOCK = "User unlocking node", "DEBUG"
    START_RESCUE_MODE = "User starting rescue mode", "DEBUG"
    STOP_RESCUE_MODE = "User stopping rescue mode", "DEBUG"
    INSTALL_FAILED = "Node installation failure", "ERROR"
    DEPLOYING = "Deploying", "INFO"
    PERFORMING_PXE_BOOT = "Performing PXE boot", "INFO"
    LOADING_EPHEMERAL = "Loading ephemeral", "INFO"
    CONFIGURING_STORAGE = "Configuring storage", "INFO"
    INSTALLING_OS = "Installing OS", "INFO"
    CONFIGURING_OS = "Configuring OS", "INFO"
    REBOOTING = "Rebooting", "INFO"
    IMAGE_DEPLOYED = "Image Deployed", "INFO"
    DEPLOYED = "Deployed", "INFO"
    ABORTED_DEPLOYMENT = "Aborted deployment", "INFO"
    ABORTED_DISK_ERASING = "Aborted disk erasing", "INFO"
    ABORTED_COMMISSIONING = "Aborted commissioning", "INFO"
    ABORTED_TESTING = "Aborted testing", "INFO"
    DISKS_ERASED = "Disks erased", "INFO"
    RELEASING = "Releasing", "INFO"
    RELEASED = "Released", "INFO"
    ENTERING_RESCUE_MODE = "Entering rescue mode", "INFO"
    RESCUE_MODE = "Rescue mode", "INFO"
    EXITED_RESCUE_MODE = "Exited rescue mode", "INFO"

    @property
    def level(self) -> int:
        return LEVELS[self.value[1]]


@dataclass(frozen=True)
class Event:
    id: int
    machine: Machine
    type: EventType
    description: str
    user: str
    created: datetime

    def document(self) -> Document:
        return {
            "username": self.user,
            "node": self.machine.system_id,
            "hostname": self.machine.hostname,
            "id": self.id,
            "level": self.type.value[1],
            "created": self.created.strftime(_DATE),
            "type": self.type.value[0],
            "description": self.description,
        }


class EventLog:
    """All events of a region, oldest first."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, machine: Machine, type_: EventType, description: str = "") -> None:
        """What MAAS tells of itself. From INFO on it is the machine's status message."""
        self._add(machine, type_, description, "")

    def ask(self, machine: Machine, type_: EventType, user: str, comment: str = "") -> None:
        """What a user asked for."""
        self._add(machine, type_, f"({user}) - {comment}" if comment else f"({user})", user)

    def _add(self, machine: Machine, type_: EventType, description: str, user: str) -> None:
        self.events.append(Event(len(self.events) + 1, machine, type_, description, user, now()))
        if type_.level >= logging.INFO:
            machine.status_message = f"{type_.value[0]} - {description}" if description else type_.value[0]
