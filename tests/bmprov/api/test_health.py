"""What load balancers, Kubernetes and people ask about the service."""

from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from bmprov.model import Machine
from bmprov.store import Store
from tests.bmprov.api.caller import Api

PROBES = ("/healthz", "/readyz")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_need_no_token_and_take_head(app: Flask, method: str) -> None:
    """HAProxy and Kubernetes ask so; the answer to HEAD has no body, and neither is kept by anybody."""
    for path in PROBES:
        answer = app.test_client().open(path, method=method)
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["Cache-Control"] == "no-store"
        assert bool(answer.data) == (method == "GET")


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_a_database_with_older_tables_is_not_ready(nobody: Api, store: Store) -> None:
    """The process lives all the same; one that a newer version has migrated is as good."""
    for revision, status in (("0003", 503), ("9999", 200)):
        with store.write() as transaction:
            transaction.connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        answer = nobody.get("/readyz")
        assert answer.status_code == status
        if status != HTTPStatus.OK:
            assert answer.get_json()["check"] == "run `bmprov migrate`"
        assert nobody.get("/healthz").status_code == HTTPStatus.OK


def test_a_database_without_tables_is_behind(tmp_path: Path) -> None:
    empty = Store(f"sqlite:///{tmp_path}/empty.db")
    assert empty.is_behind()
    empty.migrate()
    assert not empty.is_behind()


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_health_tells_what_is_wrong_and_all_that_is_known(viewer: Api, machine: Machine) -> None:
    """Here no worker and no watch runs."""
    told = viewer.get("/api/v1/health").get_json()
    assert {(one["what"], one["where"], one["severity"]) for one in told["troubles"]} >= {
        ("no `bmprov watch` runs", machine.site, "error")
    }
    [count] = told["census"]["machines"]
    assert (count["machines"], count["state"], count["power"]) == (1, "available", "off")
    assert told["census"]["readings"][0]["newest_at"].endswith("Z")
    assert {queue["urgency"] for queue in told["pulse"]["queues"]} == {"power", "deploy"}
    assert (told["database_error"], told["redis_error"]) == (None, None)
