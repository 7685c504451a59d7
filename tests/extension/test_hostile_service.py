"""A service that is away, slow, wrong or an impostor: one sentence in time, and no token in wrong hands."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import VirtualMachine
from tests.extension.service import DROPPED, SILENT, Reply, Service, answer, operation, problem
from tests.extension.test_actions import assert_sentence, call

ON = answer({"status": "success", "power_state": "poweron"})
HTML = b"<html><body>Internal Server Error</body></html>"


@pytest.fixture
def impostor(certificates: Path) -> Iterator[Service]:
    """A service with a certificate that nobody pinned."""
    service = Service(certificates / "other.pem", certificates / "other.key")
    service.on("/cloudstack/status", ON)
    yield service
    service.close()


def at(cloudstack: CloudStack, port: int, **settings: str) -> CloudStack:
    """The same, with its endpoint elsewhere."""
    return replace(cloudstack, extension={**cloudstack.extension, "endpoint": f"https://127.0.0.1:{port}", **settings})


def test_a_status_of_a_service_that_is_down_fails_at_once(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """CloudStack asks for one instance after the other, so that waiting would hold up its ping."""
    service.stop()
    result = cloudstack.status(vm)
    assert_sentence(result, "status of i-2-34-VM failed", "refused the connection", "bmprov serve")
    assert result.seconds < 2
    service.start()


@pytest.mark.parametrize("action", ["prepare", "create", "stop"])
def test_an_order_waits_for_a_service_that_starts(
    action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """A restart is no reason to fail a user's deployment."""
    service.on(f"/cloudstack/{action}", answer({"status": "success"}))
    service.restart(away_s=0.5)
    assert call(cloudstack, action, vm).succeeded


def test_a_service_that_stays_away_ends_in_time(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """The deadline holds for an order too."""
    service.stop()
    result = cloudstack.within(3).start(vm)
    assert_sentence(result, "start of i-2-34-VM failed", "refused the connection")
    assert result.seconds < 2.5
    service.start()


@pytest.mark.parametrize("action", ["create", "status"])
@pytest.mark.parametrize(
    "hostile",
    [SILENT, Reply(trickle=True, promised=10_000_000, body=b"{"), Reply(trickle=True, promised=900, status=503)],
    ids=["silent", "trickles", "trickles an error"],
)
def test_a_slow_service_does_not_outlive_the_deadline(
    hostile: Reply, action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Every byte may come in time and the call must end all the same."""
    service.on(f"/cloudstack/{action}", hostile)
    result = call(cloudstack.within(3), action, vm)
    assert_sentence(result, "did not answer within")
    assert result.seconds < 2.5


def test_a_port_that_never_shakes_hands_does_not_outlive_the_deadline(
    cloudstack: CloudStack, vm: VirtualMachine
) -> None:
    """A firewall or a stopped process accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        result = at(cloudstack, deaf.getsockname()[1]).within(2).status(vm)
    assert_sentence(result, "did not answer within")
    assert result.seconds < 2


def test_a_polled_service_that_hangs_does_not_outlive_the_deadline(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """A hanging poll and a hanging cancel both end in the time that is kept for them."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on("/operations/op-1", SILENT)
    service.on("/operations/op-1/cancel", SILENT)
    result = cloudstack.within(4).create(vm)
    assert_sentence(result, "rack1-07", "could not be cancelled")
    assert result.seconds < 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    status: int, cloudstack: CloudStack, service: Service, impostor: Service, vm: VirtualMachine
) -> None:
    """The token would go where the redirect points."""
    location = {"Location": f"https://127.0.0.1:{impostor.port}/api/v1/cloudstack/status"}
    service.on("/cloudstack/status", Reply(status, headers=location))
    assert_sentence(cloudstack.status(vm), "redirects to another address", "endpoint")
    assert impostor.connections == 0


@pytest.mark.parametrize("action", ["create", "status"])
@pytest.mark.parametrize(
    "garbage",
    [
        Reply(500, HTML),
        Reply(200, HTML),
        Reply(200, b""),
        Reply(204),
        Reply(200, b"[1]"),
        Reply(200, b'{"operation": {"id": 7, "state": "running"}}'),
        Reply(200, b'{"operation": {"id": "x", "state": "asleep"}}'),
        Reply(200, b"\xff\xfe{"),
        Reply(200, b"[" * 200_000),
        Reply(200, b" " * (17 << 20)),
        Reply(418, b'{"detail": 5}'),
    ],
    ids=lambda found: f"{found.status} {bytes(found.body[:12])!r}",
)
def test_garbage_becomes_a_sentence(
    garbage: Reply, action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Whatever answers, no traceback and no half answer reaches CloudStack."""
    service.on(f"/cloudstack/{action}", garbage)
    assert_sentence(call(cloudstack, action, vm), f"{action} of i-2-34-VM failed: ")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not know the token"), (403, "not allowed"), (404, "not allowed"), (422, "not allowed")],
)
def test_a_refusal_is_final(
    status: int, words: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The words of the problem document are CloudStack's, and nothing is asked twice."""
    service.on("/cloudstack/create", problem(status, "this is not allowed", "ask the admin"))
    assert_sentence(cloudstack.create(vm), words)
    assert len(service.requests) == 1


def test_an_echoed_token_is_not_printed(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Not even a service that repeats it can make the extension show it."""
    token = cloudstack.extension["token"]
    service.on("/cloudstack/status", problem(403, f"the header was Bearer {token}"))
    assert_sentence(cloudstack.status(vm), "Bearer ***")


def test_another_certificate_gets_no_request(cloudstack: CloudStack, impostor: Service, vm: VirtualMachine) -> None:
    """The token is sent after the certificate was checked, and not before."""
    assert_sentence(at(cloudstack, impostor.port).status(vm), "certificate", "not trusted", "`ca`")
    assert impostor.requests == []


def test_a_certificate_for_another_host_gets_no_request(
    cloudstack: CloudStack, certificates: Path, vm: VirtualMachine
) -> None:
    """A trusted certificate counts for its own names only."""
    elsewhere = Service(certificates / "elsewhere.pem", certificates / "elsewhere.key")
    elsewhere.on("/cloudstack/status", ON)
    pinned = at(cloudstack, elsewhere.port, ca=str(certificates / "elsewhere.pem"))
    assert_sentence(pinned.status(vm), "certificate", "not trusted")
    assert elsewhere.requests == []
    elsewhere.close()


def test_system_authorities_do_not_know_a_certificate_made_at_home(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Without `ca` and `fingerprint` nothing is trusted blindly."""
    settings = {key: value for key, value in cloudstack.extension.items() if key != "ca"}
    assert_sentence(replace(cloudstack, extension=settings).status(vm), "certificate", "not trusted")
    assert service.requests == []


def test_an_answer_that_breaks_off_is_asked_for_again(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Half a body is no body; the order is known by its instance, so that asking again does no harm."""
    half = Reply(202, b'{"operation": {"id"', promised=4000)
    service.on("/cloudstack/create", half, DROPPED, answer({"status": "success", "message": "active"}))
    assert cloudstack.create(vm).answer["message"] == "active"


def test_a_reboot_that_may_have_begun_is_not_asked_for_again(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Two reboots are not one; the sentence says that nobody knows."""
    service.on("/cloudstack/reboot", DROPPED, operation("queued", 202))
    assert_sentence(cloudstack.reboot(vm), "reboot of i-2-34-VM failed", "is not known")
    assert len(service.requests) == 1


def test_polling_survives_a_restart_of_the_service(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Dropped, refused, 502, 503, an HTML page: the operation goes on meanwhile, and so does its poll."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on(
        "/operations/op-1",
        operation("running"),
        replace(DROPPED, before=lambda: service.restart(away_s=0.6)),
        Reply(502, HTML),
        Reply(503, json.dumps({"detail": "starting"}).encode()),
        Reply(500, HTML),
        DROPPED,
        operation("running", step="verify"),
        operation("succeeded", message="active"),
    )
    assert cloudstack.create(vm).answer["message"] == "active"


def test_a_poll_that_is_refused_says_that_the_operation_goes_on(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """A token that is revoked in between ends the watching and not the deployment."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on("/operations/op-1", problem(401, "unknown token"))
    assert_sentence(cloudstack.create(vm), "rack1-07", "does not know the token", "goes on unwatched")


def test_text_from_the_service_stays_on_one_line(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Control characters and endless text do not reach CloudStack's log."""
    service.on("/cloudstack/create", problem(422, "line\r\n\x1b[31m two\x00 " + "x" * 100_000, "check"))
    result = cloudstack.create(vm)
    assert_sentence(result, "line [31m two xxx")
    assert len(result.output) < 2100


def test_no_service_but_another_protocol(cloudstack: CloudStack, vm: VirtualMachine) -> None:
    """A port that speaks plain text is named as such."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(10)

        def serve() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(4096)

        server = threading.Thread(target=serve)
        server.start()
        result = at(cloudstack, plain.getsockname()[1]).status(vm)
        server.join()
    assert_sentence(result, "does not speak HTTPS", "host and port")
