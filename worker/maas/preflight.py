"""Whether a region can serve bmprov with the key that it got: its calls, the user's rights, his SSH keys.

The calls are looked for in the region's own description of its API (`describe/`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bmprov.deadline import Deadline
from worker.maas.calls import MaasRegion
from worker.maas.facts import Facts, Odd

_DEFAULTS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "Events": ("query",),
    "Fabrics": ("read",),
    "Interface": ("update", "link_subnet", "unlink_subnet", "delete"),
    "Interfaces": ("create_vlan",),
    "Machine": ("read", "deploy", "release", "power_on", "power_off", "query_power_state", "abort"),
    "Machines": ("read", "allocate"),
    "NodeScriptResult": ("read",),
    "Subnets": ("read",),
    "Users": ("whoami",),
    "Version": ("read",),
    "Vlans": ("read",),
}
"""By MAAS's handlers, what nothing goes without."""
USEFUL: Mapping[str, tuple[str, ...]] = {
    "Machine": ("mark_broken", "mark_fixed", "rescue_mode", "exit_rescue_mode", "lock", "unlock"),
    "SSHKeys": ("read",),
    "Subnets": ("create",),
    "Vlans": ("create",),
}
"""What some of the actions need, and making networks."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with a region. If it is `grave`, deployments cannot succeed."""

    grave: bool
    what: str
    check: str


@dataclass(frozen=True)
class Preflight:
    """What a region is, and what is wrong with it."""

    version: str
    user: str
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether deployments can succeed."""
        return not any(one.grave for one in self.findings)


def check(region: MaasRegion, by: Deadline) -> Preflight:
    """Ask the region what it is. A key that is not valid, and a region that is not there, are errors as of any call."""
    version, description, user = region.version(by), region.description(by), region.whoami(by)
    useless = missing_calls(description, USEFUL)
    findings = [*_lacking(missing_calls(description), grave=True), *_lacking(useless, grave=False)]
    if not user.is_admin:
        findings.append(
            Finding(
                grave=True,
                what=f"user '{user.name}' is no administrator of MAAS",
                check="MAAS lets administrators only change NICs, make VLANs and mark machines fixed",
            )
        )
    if "SSHKeys.read" not in useless and (keys := region.ssh_keys(by)):
        findings.append(
            Finding(
                grave=False,
                what=f"user '{user.name}' has {keys} SSH key{'s' if keys > 1 else ''} in MAAS",
                check="MAAS puts them onto every tenant's machine: use a user without SSH keys",
            )
        )
    return Preflight(version, user.name, tuple(findings))


def missing_calls(description: object, wanted: Mapping[str, tuple[str, ...]] = NEEDED) -> list[str]:
    """The calls (`Machine.deploy`) that a region's description does not have; all of them when it is none."""
    try:
        described = set(_described(Facts(description, "the description")))
    except Odd:
        described = set()
    return sorted(
        f"{name}.{one}" for name, calls in wanted.items() for one in calls if f"{name}.{one}" not in described
    )


def _described(description: Facts) -> Iterable[str]:
    for resource in description.members("resources"):
        for side in ("auth", "anon"):
            if handler := resource.inner_or_none(side):
                name = handler.text("name").removesuffix("Handler")
                for action in handler.members("actions"):
                    yield f"{name}.{action.text('op') or _DEFAULTS.get(action.text('method'), '')}"


def _lacking(calls: list[str], *, grave: bool) -> list[Finding]:
    if not calls:
        return []
    return [Finding(grave, f"the region does not describe {', '.join(calls)}", "it must be MAAS 3")]
