"""What CloudStack, its operator or a user may get wrong: arguments, payloads, settings."""

import hashlib
import importlib.util
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from bmprov import tls
from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import VirtualMachine
from tests.extension.conftest import SOURCE, TOKEN
from tests.extension.service import Service, answer, problem
from tests.extension.test_actions import assert_sentence

ON = answer({"status": "success", "power_state": "poweron"})


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file as a module, for what no process shows in a short time."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("extension_file", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "0 arguments instead of 3"),
        (("status",), "1 arguments instead of 3"),
        (("status", "/nowhere", "60", "more"), "4 arguments instead of 3"),
        (("get console", "/nowhere", "60"), "no action 'get console'"),
        (("bad\naction", "/nowhere", "60"), "no action 'bad\\naction'"),
        (("status", "/nowhere", "soon"), "'soon' is no number of seconds"),
        (("status", "/nowhere", "-1"), "no number of seconds"),
        (("status", "/nowhere", "0"), "no number of seconds"),
        (("status", "/nowhere", "60"), "/nowhere cannot be read"),
        (("status", "", "60"), "cannot be read"),
        (("status", "/", "60"), "cannot be read"),
        (("status", "/dev/zero", "60"), "not a regular file"),
    ],
)
def test_wrong_arguments_become_a_sentence(arguments: tuple[str, ...], words: str, cloudstack: CloudStack) -> None:
    """Whoever starts it by hand learns how it is started."""
    assert_sentence(cloudstack.run(*arguments), words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"\x00\xff", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"{}", "`virtualmachineid`"),
        (b'{"virtualmachineid": 5}', "`virtualmachineid`"),
        (b'{"virtualmachineid": "u"}', "no endpoint"),
        (b'{"virtualmachineid": "u", "externaldetails": []}', "no endpoint"),
        (b'{"virtualmachineid": "u", "externaldetails": {"extension": 7, "host": null}}', "no endpoint"),
        (b'{"virtualmachineid": "u", "externaldetails": {"extension": {"endpoint": {}}}}', "no endpoint"),
        (b" " * ((16 << 20) + 1), "larger than 16 MiB"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_wrong_payload_becomes_a_sentence(
    content: bytes, words: str, cloudstack: CloudStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No payload makes a traceback."""
    monkeypatch.setenv("BMPROV_EXTENSION_INI", str(tmp_path / "none.ini"))
    path = tmp_path / "payload.json"
    path.write_bytes(content)
    assert_sentence(cloudstack.run("status", str(path), "60"), words)


def test_a_fifo_is_no_payload(cloudstack: CloudStack, tmp_path: Path) -> None:
    """Opening it would wait for a writer that never comes."""
    os.mkfifo(tmp_path / "payload")
    assert_sentence(cloudstack.run("status", str(tmp_path / "payload"), "60"), "not a regular file")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": ""}, "no endpoint"),
        ({"endpoint": "http://127.0.0.1:80"}, "not https"),
        ({"endpoint": "127.0.0.1:8443"}, "not https"),
        ({"endpoint": "https://"}, "https://host:port"),
        ({"endpoint": "https://user:secret@127.0.0.1"}, "https://host:port"),
        ({"endpoint": "https://127.0.0.1:99999"}, "no address"),
        ({"endpoint": "https://127.0.0.1/?a=b"}, "https://host:port"),
        ({"endpoint": "https://bücher.example"}, "https://host:port"),
        ({"endpoint": "https://" + "a" * 80}, "does not speak HTTPS"),
        ({"token": ""}, "no token"),
        ({"token": "one two"}, "characters that no token has"),
        ({"token": "one\r\nX-Evil: two"}, "characters that no token has"),
        ({"ca": "/nowhere.pem"}, "CA file /nowhere.pem"),
        ({"ca": "/etc/hostname"}, "CA file /etc/hostname"),
        ({"fingerprint": "AA:BB"}, "no SHA-256 fingerprint"),
        ({"fingerprint": "z" * 64}, "no SHA-256 fingerprint"),
    ],
)
def test_wrong_settings_become_a_sentence(
    settings: dict[str, str],
    words: str,
    cloudstack: CloudStack,
    vm: VirtualMachine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sentence names the setting."""
    monkeypatch.setenv("BMPROV_EXTENSION_INI", str(tmp_path / "none.ini"))
    wrong = replace(cloudstack, extension={**cloudstack.extension, **settings})
    assert_sentence(wrong.status(vm), words)


@pytest.mark.parametrize("spelling", ["{}", "sha256:{}", "SHA256:{}", "sha256 Fingerprint={}"])
@pytest.mark.parametrize("between", ["", ":", " "])
def test_a_pinned_certificate_is_enough(
    spelling: str, between: str, cloudstack: CloudStack, service: Service, certificates: Path, vm: VirtualMachine
) -> None:
    """A fingerprint in any of its spellings replaces authority and host name."""
    service.on("/cloudstack/status", ON)
    digits = tls.fingerprint(certificates / "service.pem")
    shown = between.join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    settings = {
        "endpoint": f"https://localhost:{service.port}",
        "token": TOKEN,
        "fingerprint": spelling.format(shown),
    }
    assert replace(cloudstack, extension=settings).status(vm).succeeded


def test_another_pinned_certificate_gets_no_request(
    cloudstack: CloudStack, service: Service, certificates: Path, vm: VirtualMachine
) -> None:
    """The sentence shows the fingerprint that was seen, for an operator to compare."""
    pin = tls.fingerprint(certificates / "other.pem")
    settings = {"endpoint": cloudstack.extension["endpoint"], "token": TOKEN, "fingerprint": pin}
    seen = hashlib.sha256(ssl.PEM_cert_to_DER_cert((certificates / "service.pem").read_text())).hexdigest()
    assert_sentence(replace(cloudstack, extension=settings).status(vm), "another certificate", seen)
    assert service.requests == []


def test_the_host_overrides_the_extension(
    cloudstack: CloudStack, service: Service, certificates: Path, vm: VirtualMachine
) -> None:
    """Several services stand behind one extension, each with a token and a certificate of its own."""
    service.on("/cloudstack/status", ON)
    extension = {"endpoint": "https://127.0.0.1:1", "token": "other", "ca": str(certificates / "other.pem")}
    pin = tls.fingerprint(certificates / "service.pem")
    host = {"endpoint": cloudstack.extension["endpoint"], "token": TOKEN, "fingerprint": pin}
    assert replace(cloudstack, extension=extension, host=host).status(vm).succeeded
    assert service.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_an_instance_cannot_redirect_the_token(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """A user writes the instance's details, and a template's: no setting is read from there."""
    service.on("/cloudstack/status", ON)
    details = {**vm.details, "details": {"External:endpoint": "https://127.0.0.1:1", "External:fingerprint": "0" * 64}}
    assert cloudstack.status(VirtualMachine(details)).succeeded


def test_the_settings_file_completes_the_details(
    cloudstack: CloudStack, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: VirtualMachine
) -> None:
    """The token may stay out of CloudStack's database; a percent sign in it is a percent sign."""
    service.on("/cloudstack/status", ON)
    ini = tmp_path / "extension.ini"
    ini.write_text(f"# made by hand\n[bmprov]\ntoken = to%ken\nca = {cloudstack.extension['ca']}\n")
    monkeypatch.setenv("BMPROV_EXTENSION_INI", str(ini))
    settings = {"endpoint": cloudstack.extension["endpoint"]}
    assert replace(cloudstack, extension=settings).status(vm).succeeded
    assert service.requests[0].headers["Authorization"] == "Bearer to%ken"


@pytest.mark.parametrize("content", [b"token = bmprov_s3cr3t-token\n", b"[other]\na=b\n", b"[bmprov\n", b"\xff"])
def test_a_broken_settings_file_becomes_a_sentence(
    content: bytes, cloudstack: CloudStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: VirtualMachine
) -> None:
    """It names the file and does not quote it."""
    ini = tmp_path / "extension.ini"
    ini.write_bytes(content)
    monkeypatch.setenv("BMPROV_EXTENSION_INI", str(ini))
    assert_sentence(replace(cloudstack, extension={}).status(vm), str(ini))


def test_unicode_and_shell_letters_in_names_pass(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Names are data, also in the locale of a daemon."""
    service.on("/cloudstack/stop", problem(422, "größe 💾 ist falsch", "prüfen"))
    payload = cloudstack.payload("stop", vm)
    payload["virtualmachinename"] = "i-2-34-VM\n$(reboot) ü💥"
    result = cloudstack.call("stop", payload)
    assert_sentence(result, "stop of i-2-34-VM $(reboot) ü💥 failed: größe 💾 ist falsch: prüfen")


@pytest.mark.parametrize(("timeout_s", "end_s"), [(1800, 1795), (60, 55), (10, 5), (5, 2.5), (1, 0.5)])
def test_five_seconds_are_kept_before_the_timeout(timeout_s: int, end_s: float, extension: ModuleType) -> None:
    """Of a timeout below 10 s half is kept, because CloudStack's default for a custom action is 5 s."""
    assert extension.Call(["create", "/nowhere", str(timeout_s)], 100.0).end == 100 + end_s


def test_a_silent_name_server_does_not_outlive_the_deadline(
    extension: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`getaddrinfo` has no timeout of its own and heeds no signal."""
    hung = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: hung.wait())
    with pytest.raises(TimeoutError, match="was not resolved in time"):
        extension._resolve("bmprov.example", 443, extension.clock() + 0.1)
    hung.set()


def test_the_log_has_one_line_without_secrets(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine, folder: Path
) -> None:
    """Action, instance and outcome reach syslog; token, user data and the service's words do not."""
    entry_point = cloudstack.entry_point
    path = folder / "log"
    entry_point.write_text(entry_point.read_text().replace('"/dev/log"', repr(str(path))))
    service.on("/cloudstack/create", problem(403, f"token {TOKEN} may not"), ON)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(10)
        assert_sentence(cloudstack.create(vm), "may not")
        line = log.recv(65536).decode()
    assert line.startswith("<28>bmprov-extension[")
    assert f"create instance={vm.uuid} name=i-2-34-VM outcome=failure ms=" in line
    assert "token" not in line


def test_a_full_log_does_not_hold_up_the_call(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine, folder: Path
) -> None:
    """A syslog daemon that hangs leaves its socket full."""
    entry_point = cloudstack.entry_point
    path = folder / "log"
    entry_point.write_text(entry_point.read_text().replace('"/dev/log"', repr(str(path))))
    service.on("/cloudstack/status", ON)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, socket.socket(log.family, log.type) as other:
        log.bind(str(path))
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"x", str(path))
        result = cloudstack.status(vm)
    assert result.succeeded
    assert result.seconds < 5


def test_every_python_that_a_management_server_may_have(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Each Python from 3.6 on that is installed here runs it; vermin checks the rest in `make lint`."""
    service.on("/cloudstack/status", ON)
    for python in pythons():
        entry_point = cloudstack.entry_point
        _, _, rest = SOURCE.read_text().partition("\n")
        entry_point.write_text(f"#!{python} -IS\n{rest}")
        result = cloudstack.status(vm)
        assert result.succeeded, f"{python}: {result.told}"
        assert result.changed == ()


def pythons() -> list[str]:
    """The interpreters behind `python3`, `python3.6`, `python3.7` and so on; a shim may lead nowhere."""
    found = ["/usr/bin/python3"]
    for name in (f"python3.{minor}" for minor in range(6, 20)):
        path = shutil.which(name)
        asked = [path, "-c", "import sys; print(sys.executable)"] if path else ["false"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        found += [done.stdout.strip()] if done.returncode == 0 else []
    return found


def test_standard_error_stays_silent(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Python's own warnings would spoil the answer, because CloudStack merges both streams."""
    service.on("/cloudstack/status", ON)
    entry_point = cloudstack.entry_point
    text = entry_point.read_text().replace('"/cloudstack/" + action', '"/cloudstack/" + action + warned()')
    noisy = 'def warned() -> str:\n    print("noise", file=sys.stderr)\n    return ""\n\n\nclass Action:'
    entry_point.write_text(text.replace("class Action:", noisy))
    assert cloudstack.status(vm).answer == {"status": "success", "power_state": "poweron"}
