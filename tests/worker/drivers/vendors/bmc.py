"""BMCs of real makes as far as their power and boot device go, each made of a JSON file that says how it differs.

The files are ours; what they say is from public documents and issues, each named there under `sources`. A machine is
behind each: its power, what it would boot from, and a count of what was asked.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmprov.power import BmcLogin, Power

if TYPE_CHECKING:
    from tests.worker.drivers.vendors.server import Handler

VENDORS = sorted(path.stem for path in Path(__file__).parent.glob("*.json"))
USER, PASSWORD = "admin", 'horse "battery" staple'
ROOT, SESSIONS = "/redfish/v1/", "/redfish/v1/SessionService/Sessions"
DESTINY = {"On": "On", "ForceOn": "On", "ForceOff": "Off", "GracefulShutdown": "Off"}
Document = dict[str, Any]
Answer = tuple[int, Document | None, dict[str, str]]


def vendor(name: str) -> Document:
    """What the file of a make says."""
    told: Document = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return told


@dataclass
class VendorBmc:
    """One BMC and its machine. `vendor` may be changed while it runs; so may `fault`, which answers in its place."""

    vendor: Document
    power: str = "Off"
    target: str = "None"
    enabled: str = "Disabled"
    mode: str = "UEFI"
    reads: str | None = None
    """The power that it tells, whatever is so."""
    transition_s: float = 0.0
    fault: "Callable[[Handler], bool] | None" = None
    before: Callable[[str, str], None] = lambda _method, _path: None
    """Called before each request is answered."""
    port: int = 0
    certificate: Path | None = None
    sessions: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    patches: list[Document] = field(default_factory=list)
    most_sessions: int = 0
    logins: int = 0
    setup_jobs: int = 0
    """Changes of the firmware's own setting that wait for the next boot."""
    version: int = 1
    foreign_sessions: int = 0
    secrets: set[str] = field(default_factory=lambda: {PASSWORD})
    """What must never be seen: the password, and every token that was given."""
    stopping: threading.Event = field(default_factory=threading.Event)
    connections: int = 0
    _pending_until: float = 0.0
    _boot_from: float = 0.0
    _boot_until: tuple[str, str] = ("Disabled", "None")
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def path(self) -> str:
        return str(self.vendor["path"])

    def login(self, **more: str) -> BmcLogin:
        scheme = "redfish" if self.certificate else "redfish+http"
        return BmcLogin(f"{scheme}://127.0.0.1:{self.port}", USER, PASSWORD, **more)

    def machine_power(self) -> Power:
        return Power.ON if self.power == "On" else Power.OFF

    def boots_from(self) -> str:
        """What the firmware will boot from next."""
        return self.target if self.enabled != "Disabled" else "None"

    def answer(self, method: str, path: str, headers: dict[str, str], body: Document) -> Answer:
        """What the BMC says to one request."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            if path.rstrip("/") == ROOT.rstrip("/"):
                return 200, self._root(), {}
            if path == SESSIONS and method == "POST":
                return (404, None, {}) if self.vendor["login"].get("basic") else self._log_in(body)
            if headers.get("x-auth-token") not in self.sessions and not self._knows(headers):
                return self._said("expired")
            if method == "DELETE" and path in self.sessions.values():
                self.sessions = {token: one for token, one in self.sessions.items() if one != path}
                return 204, None, {}
            return self._inside(method, path, headers, body)

    def _inside(self, method: str, path: str, headers: dict[str, str], body: Document) -> Answer:  # noqa: PLR0911 - a route each
        reset = f"{self.path.rstrip('/')}/Actions/ComputerSystem.Reset"
        settings = self.vendor.get("settings", {})
        if path.rstrip("/") == "/redfish/v1/Systems":
            return 200, {"Members": [{"@odata.id": self.path}], "Members@odata.count": 1}, {}
        if path.rstrip("/") == self.path.rstrip("/"):
            if method == "PATCH" and settings.get("takes_boot"):
                return self._said("elsewhere")
            return self._system() if method == "GET" else self._patch(headers, body)
        if path == settings.get("path"):
            if method == "PATCH":
                return self._patch(headers, body) if settings.get("takes_boot") else self._said("read_only")
            boot = self._boot() if settings.get("takes_boot") else {}
            return 200, {**settings["document"], **({"Boot": boot} if boot else {})}, {"ETag": f'"{self.version}"'}
        if path == reset and method == "POST":
            return self._reset(body.get("ResetType"))
        if path == f"{self.path}/ResetActionInfo":
            parameters = [{"Name": "ResetType", "Required": True, "AllowableValues": self.vendor["resets"]}]
            return 200, {"Id": "ResetActionInfo", "Parameters": parameters}, {}
        return 404, None, {}

    def _knows(self, headers: dict[str, str]) -> bool:
        password = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return bool(self.vendor["login"].get("basic")) and headers.get("authorization") == f"Basic {password}"

    def _root(self) -> Document:
        links = {"Sessions": {"@odata.id": SESSIONS}}
        known = {"Systems": {"@odata.id": "/redfish/v1/Systems"}, "SessionService": {"@odata.id": SESSIONS[:-9]}}
        return {"@odata.id": ROOT, "RedfishVersion": "1.6.0", **known, "Links": links, **self.vendor.get("root", {})}

    def _log_in(self, body: Document) -> Answer:
        told = self.vendor["login"]
        if body.get("UserName") != USER or body.get("Password") != PASSWORD:
            return self._said("wrong_password", echo=str(body.get("Password")))
        if len(self.sessions) + self.foreign_sessions >= told["most"]:
            return self._said("too_many_sessions")
        self.logins += 1
        token, path = secrets.token_hex(16), f"{SESSIONS}/{self.logins}"
        self.sessions[token] = path
        self.secrets.add(token)
        self.most_sessions = max(self.most_sessions, len(self.sessions))
        where = {"path": path, "address": f"https://192.0.2.7{path}", "body": None}[told.get("location", "path")]
        headers = {"X-Auth-Token": token} | ({"Location": where} if where else {})
        return told.get("status", 201), {"@odata.id": path, "UserName": USER, "Password": None}, headers

    def _boot(self) -> Document:
        quirks = self.vendor["boot"]
        enabled, target = (self.enabled, self.target) if time.monotonic() >= self._boot_from else self._boot_until
        if quirks.get("idle_once") and enabled == "Disabled":
            enabled, target = "Once", "None"
        boot: Document = {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target}
        if quirks.get("mode") != "absent":
            boot["BootSourceOverrideMode"] = self.mode
        if allowed := quirks.get("allowed"):
            boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = allowed
        return boot

    def _system(self) -> Answer:
        boot = self._boot()
        if self.vendor.get("settings", {}).get("takes_boot"):
            boot = {"BootSourceOverrideEnabled": None, "BootSourceOverrideTarget": None, "BootOrder": []}
        document = {
            "@odata.id": self.path,
            "Id": "1",
            "Name": "System",
            "PowerState": self._told_power(),
            "Boot": boot,
            "Actions": {"#ComputerSystem.Reset": self._reset_action()},
            **self.vendor["system"],
        }
        etag = f'"{self.version}"' if self.vendor.get("etag") else None
        if self.vendor.get("etag") == "weak":
            etag = f'W/"{self.version}"'
        if self.vendor.get("etag") in ("body", "both", "weak"):
            document["@odata.etag"] = etag
        return 200, document, {"ETag": etag} if etag and self.vendor["etag"] != "body" else {}

    def _told_power(self) -> str | None:
        if self.reads:
            return self.reads
        if time.monotonic() < self._pending_until:
            told: str | None = self.vendor.get("between", {}).get(self.power, "Off" if self.power == "On" else "On")
            return told
        return self.power

    def _reset_action(self) -> Document:
        action: Document = {"target": f"{self.path.rstrip('/')}/Actions/ComputerSystem.Reset"}
        told = self.vendor.get("tells_resets", "list")
        if told == "list":
            action["ResetType@Redfish.AllowableValues"] = self.vendor["resets"]
        elif told == "info":
            action["@Redfish.ActionInfo"] = f"{self.path}/ResetActionInfo"
        return action

    def _reset(self, kind: object) -> Answer:
        if kind not in self.vendor["resets"]:
            return self._said("unknown_reset")
        self.resets.append(str(kind))
        now_on = self.power == "On"
        wanted = DESTINY.get(str(kind), "On")
        if kind == "PushPowerButton":
            wanted = "Off" if now_on else "On"
        impossible = not now_on and kind not in ("On", "ForceOn", "PushPowerButton")
        if (impossible or (wanted == self.power and kind in DESTINY)) and "reset_impossible" in self.vendor:
            return self._said("reset_impossible")
        if self.power != wanted or kind == "PowerCycle":
            self._pending_until = time.monotonic() + self.transition_s
        if wanted == "On" and self.enabled == "Once":
            self.enabled, self.target = "Disabled", "None"
        self.power = wanted
        self.version += 1
        return self._said("reset_done")

    def _patch(self, headers: dict[str, str], body: Document) -> Answer:
        if (needs := self.vendor.get("needs_etag")) and headers.get("if-match") not in (
            f'"{self.version}"',
            f'W/"{self.version}"',
        ):
            return self._said("etag_missing" if "if-match" not in headers else "etag_wrong", status=needs)
        boot: Document = body.get("Boot", {})
        self.patches.append(boot)
        refused = self._refusal(boot)
        quirks = self.vendor["boot"]
        if refused and not quirks.get("sets_all_the_same"):
            return self._said(refused)
        target = boot.get("BootSourceOverrideTarget", self.target)
        enabled = boot.get("BootSourceOverrideEnabled", self.enabled)
        if enabled == "Continuous" and quirks.get("continuous") == "becomes once":
            enabled = "Once"
        if quirks.get("mode") == "reverts":
            self.mode = boot.get("BootSourceOverrideMode", "Legacy")
        elif quirks.get("mode") == "setup" and "BootSourceOverrideMode" in boot:
            self.setup_jobs += 1
        elif quirks.get("mode") not in ("read-only", "absent"):
            self.mode = boot.get("BootSourceOverrideMode", self.mode)
        self._boot_until = self.enabled, self.target
        self._boot_from = time.monotonic() + quirks.get("later_s", 0)
        self.target, self.enabled = ("None", "Disabled") if enabled == "Disabled" else (target, enabled)
        self.version += 1
        return self._said(refused or "boot_done")

    def _refusal(self, boot: Document) -> str | None:
        quirks = self.vendor["boot"]
        mode, enabled, target = (boot.get(f"BootSourceOverride{one}") for one in ("Mode", "Enabled", "Target"))
        if mode is not None and quirks.get("mode") in ("read-only", "absent"):
            return "mode_read_only"
        if mode is None and quirks.get("mode") == "required":
            return "mode_missing"
        if enabled == "Continuous" and quirks.get("continuous") == "refused":
            return "continuous_refused"
        if enabled == "Disabled" and target in (None, "None") and quirks.get("none") == "refused":
            return "none_refused"
        if quirks.get("sets_all_the_same") and enabled:
            return "sets_all_the_same"
        return None

    def _said(self, what: str, *, status: int = 0, echo: str = "") -> Answer:
        told = self.vendor["answers"].get(what, {"status": 400})
        body = told.get("body")
        if body is not None and echo:
            body = json.loads(json.dumps(body).replace("ECHO", json.dumps(echo)[1:-1]))
        return status or told["status"], body, told.get("headers", {})
