"""A CloudStack that calls an orchestrator extension as CloudStack 4.21 does, for rehearsals and tests.

After `ExternalPathPayloadProvisioner` and `JsonMergeUtil`: one new process per call, standard error merged into
standard output, output read only after the process has ended (more than a pipe holds blocks it), SIGKILL at the
timeout. The entry point's folder is checksummed around each call, as `ExtensionsFilesystemManagerImpl` does: whatever
appears there makes the extension "Not Ready" on all management servers.

It keeps no instances and talks to no management server: the caller owns the `VirtualMachine`.
"""

import hashlib
import json
import os
import select
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bmprov.sim.virtual_machine import VirtualMachine

DEFAULT_TIMEOUT_S = 1800
"""CloudStack's global setting `wait`."""

_BACKGROUND = frozenset({"status", "statuses"})
_CALLER = {
    "id": "7d3f6b1e-92c0-4a47-9d7e-0f3f1d1c1a55",
    "name": "admin",
    "type": "ADMIN",
    "roleid": "c1f24fb8-5b0e-4f4d-8f0a-9a9d2e0f2f77",
    "rolename": "Root Admin",
    "roletype": "Admin",
}


@dataclass(frozen=True)
class Result:
    """What CloudStack sees of one call. `changed` names the files of the entry point's folder that it altered."""

    argv: tuple[str, ...]
    exit_code: int | None
    output: str
    seconds: float
    changed: tuple[str, ...]

    @property
    def timed_out(self) -> bool:
        """Whether the process was killed at the timeout."""
        return self.exit_code is None

    @property
    def succeeded(self) -> bool:
        """Whether CloudStack takes the call as a success."""
        return self.exit_code == 0

    @property
    def told(self) -> str:
        """The words that CloudStack shows to its operator."""
        if self.timed_out:
            return "Timeout"
        text = self.output.strip()
        return text if self.succeeded else f"Exit code: {self.exit_code}, Output: {text}"

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object of a success.

        Raises:
            ValueError: the call failed, or its output is something else.
        """
        answer = json.loads(self.output) if self.succeeded else None
        if not isinstance(answer, dict):
            raise ValueError(f"no JSON object: {self.told}")  # noqa: TRY004 # the output is wrong, not an argument
        return answer


@dataclass(frozen=True)
class CloudStack:
    """One host of one CloudStack, with an extension registered for its cluster.

    `folder` is where the payload files go; the other details are what an operator has set on the extension, on its
    registration with the cluster, and on the host.
    """

    entry_point: Path
    folder: Path
    extension: Mapping[str, str] = field(default_factory=dict)
    resourcemap: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, str] = field(default_factory=dict)
    timeout_s: int = DEFAULT_TIMEOUT_S

    def within(self, timeout_s: int) -> "CloudStack":
        """The same CloudStack with another timeout."""
        return replace(self, timeout_s=timeout_s)

    def prepare(self, vm: VirtualMachine) -> Result:
        """Before the first start. Merge its answer with `merge_prepare`."""
        return self.call("prepare", self.payload("prepare", vm))

    def create(self, vm: VirtualMachine) -> Result:
        """The first start."""
        return self.call("create", self.payload("create", vm.deploying()))

    def start(self, vm: VirtualMachine) -> Result:
        """A later start."""
        return self.call("start", self.payload("start", vm))

    def stop(self, vm: VirtualMachine) -> Result:
        """A stop, and the clean-up after a `create` that failed."""
        return self.call("stop", self.payload("stop", vm))

    def reboot(self, vm: VirtualMachine) -> Result:
        """A reboot."""
        return self.call("reboot", self.payload("reboot", vm))

    def delete(self, vm: VirtualMachine) -> Result:
        """The expunge of a destroyed instance."""
        return self.call("delete", self.payload("delete", vm))

    def status(self, vm: VirtualMachine) -> Result:
        """The power of one instance, as at every ping of the host."""
        return self.call("status", self.payload("status", vm))

    def console(self, vm: VirtualMachine) -> Result:
        """`getconsole` (CloudStack 4.22)."""
        return self.call("getconsole", self.payload("getconsole", vm))

    def statuses(self) -> Result:
        """The power of all instances of this host."""
        return self.call("statuses", self.payload("statuses"))

    def payload(self, action: str, vm: VirtualMachine | None = None) -> dict[str, Any]:
        """What CloudStack writes for an action; background calls have no caller, `statuses` has no instance."""
        external: dict[str, Any] = {
            "extension": dict(self.extension),
            "resourcemap": dict(self.resourcemap),
            "host": dict(self.host),
        }
        payload: dict[str, Any] = {"externaldetails": external}
        if vm is not None:
            external["virtualmachine"] = vm.external_for(action)
            payload["virtualmachineid"] = vm.uuid
            payload["virtualmachinename"] = vm.name
            payload["cloudstack.vm.details"] = deepcopy(vm.details)
        if action not in _BACKGROUND:
            payload["caller"] = dict(_CALLER)
        return payload

    def call(self, action: str, payload: object) -> Result:
        """Write the payload and call the entry point. Payloads are kept, except that of a `status` that succeeded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{uuid.uuid4()}.json"
        path.write_bytes(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
        result = self.run(action, str(path), str(self.timeout_s))
        if result.succeeded and action == "status":
            path.unlink()
        return result

    def run(self, *arguments: str) -> Result:
        """Call the entry point with these arguments."""
        argv = (str(self.entry_point), *arguments)
        before = self._checksums()
        begun = time.monotonic()
        exit_code, output = _run(argv, self.timeout_s)
        seconds = time.monotonic() - begun
        after = self._checksums()
        changed = tuple(sorted(name for name in before.keys() | after if before.get(name) != after.get(name)))
        return Result(argv, exit_code, output, seconds, changed)

    def _checksums(self) -> dict[str, str]:
        folder = self.entry_point.parent
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def merge_prepare(vm: VirtualMachine, answer: Mapping[str, Any]) -> VirtualMachine:
    """The instance after `prepare` answered.

    The answer is merged into the instance; of the merged instance CloudStack keeps `details`, `vncPassword`, and the
    `mac`, `ip` and `ip6address` of each NIC that it finds again by its `nicUuid`.
    """
    merged = merge(vm.details, answer)
    kept = deepcopy(dict(vm.details))
    for key in ("details", "vncPassword"):
        if merged.get(key) is not None:
            kept[key] = merged[key]
    updates = {nic["nicUuid"]: nic for nic in merged.get("nics") or [] if nic.get("nicUuid")}
    for nic in kept["nics"]:
        update = updates.get(nic["nicUuid"], {})
        nic.update({key: update[key] for key in ("mac", "ip", "ip6address") if update.get(key) is not None})
    return replace(vm, details=kept)


def merge(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`JsonMergeUtil`: objects merge by key, arrays by `uuid` when every element has one, all else is replaced."""
    merged = dict(target)
    for key, new in patch.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            merged[key] = merge(old, new)
        elif isinstance(old, list) and isinstance(new, list) and all(map(_has_uuid, old + new)):
            merged[key] = _merge_by_uuid(old, new)
        else:
            merged[key] = new
    return merged


def _has_uuid(element: object) -> bool:
    return isinstance(element, dict) and "uuid" in element


def _merge_by_uuid(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two elements with one `uuid` become one: CloudStack loses the first of two NICs on one network here."""
    merged = {element["uuid"]: element for element in old}
    for element in new:
        known = merged.get(element["uuid"])
        merged[element["uuid"]] = element if known is None else merge(known, element)
    return list(merged.values())


def _run(argv: tuple[str, ...], timeout_s: float) -> tuple[int | None, str]:
    """The exit code and the output; None and nothing when the process had to be killed."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with process, _pidfd(process.pid) as ended:
        if not ended.poll(timeout_s * 1000):
            process.kill()
            return None, ""
        output, _ = process.communicate()
        return process.returncode, output.decode("utf-8", "replace")


@contextmanager
def _pidfd(pid: int) -> Iterator[select.poll]:
    """A poll object that becomes ready when the process ends (pidfd_open(2)): exact, where `Popen.wait` naps 50 ms."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        yield poll
    finally:
        os.close(handle)
