"""The 23 statuses of a machine, their names and what MAAS lets happen in them (NodeStatus of MAAS 3.7.3)."""

from enum import IntEnum


class NodeStatus(IntEnum):
    NEW = 0
    COMMISSIONING = 1
    FAILED_COMMISSIONING = 2
    MISSING = 3
    READY = 4
    RESERVED = 5
    DEPLOYED = 6
    RETIRED = 7
    BROKEN = 8
    DEPLOYING = 9
    ALLOCATED = 10
    FAILED_DEPLOYMENT = 11
    RELEASING = 12
    FAILED_RELEASING = 13
    DISK_ERASING = 14
    FAILED_DISK_ERASING = 15
    RESCUE_MODE = 16
    ENTERING_RESCUE_MODE = 17
    FAILED_ENTERING_RESCUE_MODE = 18
    EXITING_RESCUE_MODE = 19
    FAILED_EXITING_RESCUE_MODE = 20
    TESTING = 21
    FAILED_TESTING = 22


NAMES = {
    NodeStatus.NEW: "New",
    NodeStatus.COMMISSIONING: "Commissioning",
    NodeStatus.FAILED_COMMISSIONING: "Failed commissioning",
    NodeStatus.MISSING: "Missing",
    NodeStatus.READY: "Ready",
    NodeStatus.RESERVED: "Reserved",
    NodeStatus.DEPLOYED: "Deployed",
    NodeStatus.RETIRED: "Retired",
    NodeStatus.BROKEN: "Broken",
    NodeStatus.DEPLOYING: "Deploying",
    NodeStatus.ALLOCATED: "Allocated",
    NodeStatus.FAILED_DEPLOYMENT: "Failed deployment",
    NodeStatus.RELEASING: "Releasing",
    NodeStatus.FAILED_RELEASING: "Releasing failed",
    NodeStatus.DISK_ERASING: "Disk erasing",
    NodeStatus.FAILED_DISK_ERASING: "Failed disk erasing",
    NodeStatus.RESCUE_MODE: "Rescue mode",
    NodeStatus.ENTERING_RESCUE_MODE: "Entering rescue mode",
    NodeStatus.FAILED_ENTERING_RESCUE_MODE: "Failed to enter rescue mode",
    NodeStatus.EXITING_RESCUE_MODE: "Exiting rescue mode",
    NodeStatus.FAILED_EXITING_RESCUE_MODE: "Failed to exit rescue mode",
    NodeStatus.TESTING: "Testing",
    NodeStatus.FAILED_TESTING: "Failed testing",
}

BY_FILTER = {status.name.lower(): status for status in NodeStatus}
"""The values of the filter `status` of the list of machines."""

RELEASABLE = {
    NodeStatus.ALLOCATED,
    NodeStatus.RESERVED,
    NodeStatus.BROKEN,
    NodeStatus.DEPLOYING,
    NodeStatus.DEPLOYED,
    NodeStatus.FAILED_DEPLOYMENT,
    NodeStatus.FAILED_DISK_ERASING,
    NodeStatus.FAILED_RELEASING,
}

INTERFACES_CHANGEABLE = {
    NodeStatus.NEW,
    NodeStatus.READY,
    NodeStatus.FAILED_TESTING,
    NodeStatus.ALLOCATED,
    NodeStatus.BROKEN,
}

ENTERS_RESCUE_MODE = {
    NodeStatus.NEW,
    NodeStatus.FAILED_COMMISSIONING,
    NodeStatus.READY,
    NodeStatus.RESERVED,
    NodeStatus.ALLOCATED,
    NodeStatus.FAILED_DEPLOYMENT,
    NodeStatus.DEPLOYED,
    NodeStatus.MISSING,
    NodeStatus.RETIRED,
    NodeStatus.BROKEN,
    NodeStatus.FAILED_DISK_ERASING,
    NodeStatus.FAILED_ENTERING_RESCUE_MODE,
    NodeStatus.FAILED_TESTING,
}

EXITS_RESCUE_MODE = {
    NodeStatus.ENTERING_RESCUE_MODE,
    NodeStatus.FAILED_ENTERING_RESCUE_MODE,
    NodeStatus.RESCUE_MODE,
    NodeStatus.FAILED_EXITING_RESCUE_MODE,
}

ABORTS_TO = {
    NodeStatus.DEPLOYING: NodeStatus.ALLOCATED,
    NodeStatus.COMMISSIONING: NodeStatus.NEW,
    NodeStatus.DISK_ERASING: NodeStatus.FAILED_DISK_ERASING,
}
"""What `abort` makes of a status; testing goes back to what was before."""
