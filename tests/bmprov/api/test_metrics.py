"""`/metrics`, as Prometheus asks it, judged by Prometheus' own tools."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from bmprov.api.app import create_app
from bmprov.health.metrics import COUNTERS, GAUGES
from bmprov.model import Machine, Role
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.store import Store
from tests import debian
from tests.bmprov.api.caller import Api
from tests.docs import ROOT

BOTH = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
URL = "/metrics"


def value(api: Api, name: str, **labels: str) -> float | None:
    """The sample with this name and these labels."""
    samples = [one for family in plain(api.get(URL).text) for one in family.samples]
    return next((one.value for one in samples if one.name == name and labels.items() <= one.labels.items()), None)


@pytest.fixture
def busy(
    viewer: Api,
    operator: Api,
    store: Store,
    add_machine: Callable[..., Machine],
    finish_all: Callable[[], None],
) -> Api:
    """A service in which everything has happened once."""
    for number in (1, 2):
        add_machine(number)
        operator.post(f"/api/v1/machines/rack1-0{number}/power", json={"action": "on"})
    finish_all()
    operator.post("/api/v1/machines/rack1-01/power", json={"action": "off"})
    with store.write() as transaction:
        transaction.events.add("out-of-band power off", actor="bmprov", machine="rack1-02")
    return viewer


@BOTH
def test_what_is_counted(busy: Api, store: Store) -> None:
    """From the database and Redis, as they are; and the counters do not go back when a machine is removed."""
    assert value(busy, "bmprov_machines", site="default", state="available") == 2
    assert value(busy, "bmprov_machines", site="default", state="error") == 0
    assert value(busy, "bmprov_operations_unfinished", site="default", kind="power") == 1
    assert value(busy, "bmprov_queue_jobs", site="default", queue="power") == 3  # nudges that nobody has taken
    assert value(busy, "bmprov_out_of_band_power_total", to="off") == 1
    assert value(busy, "bmprov_processes", site="default", part="worker") == 0
    ended = {"kind": "power", "outcome": "succeeded"}
    assert value(busy, "bmprov_operations_total", **ended) == 2
    assert value(busy, "bmprov_operation_duration_seconds_count", **ended) == 2
    assert value(busy, "bmprov_operation_duration_seconds_bucket", **ended, le="+Inf") == 2
    with store.write() as transaction:
        machine = transaction.machines.named("rack1-02")
        assert machine is not None
        transaction.machines.remove(machine)
    assert value(busy, "bmprov_operations_total", **ended) == 2


def test_both_formats_parse_and_say_the_same(busy: Api) -> None:
    """Prometheus gets OpenMetrics when it asks for it, and its own text format else, whatever else is asked for."""
    text = busy.get(URL, headers={"Accept": "text/plain"})
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    modern = busy.get(URL, headers={"Accept": OPENMETRICS})
    assert modern.mimetype == "application/openmetrics-text"
    told, modernly = plain(text.text), openmetrics(modern.text)
    assert [one.name for one in told for _ in one.samples] == [one.name for one in modernly for _ in one.samples]
    for odd in ("application/openmetrics-text;version=banana", "*/*", "", ";;;,q=9"):
        assert busy.get(URL, headers={"Accept": odd}).status_code == HTTPStatus.OK


def test_the_list_in_the_documents_is_what_is_told(busy: Api) -> None:
    """Every metric of a scrape is in the table, with its labels; so many of the table as this service has are told."""
    told = {family.name: family for family in plain(busy.get(URL).text)}
    known = {gauge.name: set(gauge.labels) for gauge in GAUGES}
    known |= {name.removesuffix("_total"): set(labels) for name, (_, _, labels) in COUNTERS.items()}
    assert told.keys() <= known.keys()
    for name, family in told.items():
        assert {label for one in family.samples for label in one.labels} - {"le"} == known[name]
    absent = {"bmprov_region_up", "bmprov_region_heard_timestamp_seconds", "bmprov_switch_up"}  # there is none here
    absent |= {"bmprov_sweep_age_seconds", "bmprov_sweep_duration_seconds", "bmprov_operations_due_age_seconds"}
    assert known.keys() - told.keys() <= absent | {name for name in known if "disk" in name or "certificate" in name}


def test_promtool_has_nothing_to_say(busy: Api) -> None:
    """About names, help texts and types."""
    promtool = debian.program("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=busy.get(URL).data, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_alerts_are_rules_that_promtool_takes() -> None:
    promtool = debian.program("promtool", "prometheus")
    rules = ROOT / "docs/prometheus-rules.yml"
    done = subprocess.run([promtool, "check", "rules", str(rules)], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("document", ["docs/prometheus-rules.yml", "docs/grafana-dashboard.json"])
def test_alerts_and_dashboard_ask_for_metrics_that_exist(document: str) -> None:
    known = {gauge.name for gauge in GAUGES} | set(COUNTERS)
    known |= {f"{name}{part}" for name in COUNTERS for part in ("_bucket", "_sum", "_count")}
    text = (ROOT / document).read_text()
    asked = set(re.findall(r"\bbmprov_\w+", text))
    assert len(asked) > 5
    assert asked <= known


def test_every_panel_of_the_dashboard_asks_for_something() -> None:
    """And stands where no other does, inside the width of 24."""
    panels = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())["panels"]
    cells = set[tuple[int, int]]()
    for panel in panels:
        assert all("bmprov_" in target["expr"] for target in panel["targets"])
        at = panel["gridPos"]
        mine = {(at["x"] + right, at["y"] + down) for right in range(at["w"]) for down in range(at["h"])}
        assert not mine & cells
        cells |= mine
    assert {x for x, _ in cells} == set(range(24))


def test_who_may_scrape(nobody: Api, cloud: Api, call_as: Callable[..., Api]) -> None:
    """Whoever may read; an extension's token may not."""
    assert nobody.get(URL).status_code == HTTPStatus.UNAUTHORIZED
    assert cloud.get(URL).status_code == HTTPStatus.FORBIDDEN
    for role in (Role.OPERATOR, Role.ADMIN):
        assert call_as(role).get(URL).status_code == HTTPStatus.OK


def test_without_redis_the_rest_is_told(services: Services, viewer: Api, machine: Machine) -> None:
    """And the one that is down is named by its own metric."""
    assert machine.site == "default"
    deaf = viewer.at(create_app(replace(services, queue=JobQueue("unix:///nowhere/redis.sock"))))
    assert (value(deaf, "bmprov_redis_up"), value(deaf, "bmprov_database_up")) == (0, 1)
    assert value(deaf, "bmprov_machines", state="available") == 1
    assert value(deaf, "bmprov_queue_jobs") is None
    assert value(deaf, "bmprov_troubles", severity="error") == 1
