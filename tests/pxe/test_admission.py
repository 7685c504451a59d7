"""Who may ask: an operation's own machine, from its own address, while it is under way."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from pxe.http import create_boot_app
from tests.pxe.provisioning import Site

ADDRESS = "10.1.0.50"
PATHS = [
    "/boot/v1/{}/script.ipxe",
    "/boot/v1/{}/kernel",
    "/boot/v1/{}/initrd",
    "/seed/v1/{}/meta-data",
    "/images/v1/{}/" + "0" * 64,
]


@pytest.fixture
def app(site: Site) -> Flask:
    return create_boot_app(site.boot())


def caller(app: Flask, address: str = ADDRESS) -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def status(app: Flask, path: str, address: str = ADDRESS) -> int:
    return caller(app, address).get(path).status_code


@pytest.mark.parametrize("path", PATHS)
def test_a_token_that_is_not_ours_opens_nothing(app: Flask, path: str) -> None:
    """Nor does garbage of any length; the answer does not tell what exists."""
    for token in ("x", "0" * 32 + "." + "0" * 32, "a" * 5000, "%00", "."):
        answer = caller(app).get(path.format(token))
        assert answer.status_code == 403
        assert answer.get_json() == {"type": "about:blank", "status": 403, "title": "Forbidden"}


@pytest.mark.parametrize("path", PATHS)
def test_a_token_is_good_from_its_machine_alone(site: Site, app: Flask, path: str) -> None:
    """It is bound to the address that DHCP gave, and good for nothing before it gave one."""
    operation = site.deploy()
    token = site.vault.operation_token(operation.id)
    with capture_logs() as logs:
        assert status(app, path.format(token)) == 403
    assert "DHCP was asked first" in logs[0]["why"]
    site.booted_at(operation, ADDRESS)
    with capture_logs() as logs:
        assert status(app, path.format(token), "10.1.0.51") == 403
    assert logs[0]["why"] == "the token of machine rack1-01 is good from 10.1.0.50 alone"
    assert token not in str(logs)


def test_forwarding_headers_are_not_believed(site: Site, app: Flask) -> None:
    """Nobody's word is taken for where a request comes from."""
    token = site.booted_at(site.deploy(), ADDRESS)
    headers = {"X-Forwarded-For": ADDRESS, "Forwarded": f"for={ADDRESS}", "X-Real-IP": ADDRESS}
    assert caller(app, "10.1.0.9").get(f"/boot/v1/{token}/script.ipxe", headers=headers).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_token_dies_with_its_operation(site: Site, app: Flask, path: str) -> None:
    """Once the operation has ended, by whatever way, its token is worth nothing."""
    operation = site.deploy()
    token = site.booted_at(operation, ADDRESS)
    site.cancel(operation)
    assert status(app, path.format(token)) == 410


def test_a_machine_that_has_its_image_is_not_booted_from_the_network(site: Site, app: Flask) -> None:
    """Script and ramdisk are closed with the network boot; what the ramdisk still has to say is heard."""
    operation = site.deploy()
    token = site.booted_at(operation, ADDRESS)
    assert status(app, f"/boot/v1/{token}/script.ipxe") == 200
    site.close_netboot(operation)
    assert [status(app, f"/boot/v1/{token}/{name}") for name in ("script.ipxe", "kernel", "initrd")] == [410] * 3
    assert status(app, f"/seed/v1/{token}/meta-data") == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
def test_a_call_without_a_bearer_token_is_refused(app: Flask, header: str) -> None:
    """Every call of the ramdisk needs one."""
    headers = {"Authorization": header} if header else {}
    for name in ("inventory", "progress", "done", "failed"):
        assert caller(app).post(f"/ramdisk/v1/{name}", json={}, headers=headers).status_code == 401
    assert caller(app).get("/ramdisk/v1/deployment", headers=headers).status_code == 401


def test_one_machine_learns_nothing_of_another(site: Site, app: Flask) -> None:
    """Each token opens its own machine's documents and no others, from its own address and no other."""
    first, second = site.deploy(1), site.deploy(2)
    tokens = site.booted_at(first, "10.1.0.1"), site.booted_at(second, "10.1.0.2")
    assert status(app, f"/seed/v1/{tokens[0]}/meta-data", "10.1.0.2") == 403
    assert "instance-2" in caller(app, "10.1.0.2").get(f"/seed/v1/{tokens[1]}/meta-data").text
