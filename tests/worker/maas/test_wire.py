"""The way to a region: slow, cut, used by many at once, closed while nobody looks."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bmprov.deadline import Deadline
from tests.maas.running import RunningRegion
from tests.stopwatch import Stopwatch
from tests.worker.maas.odd_region import KEY, Act, Handler, odd_region, says
from worker.maas import wire as wire_module
from worker.maas.call import Call
from worker.maas.calls import Constraints, MaasRegion
from worker.maas.errors import MaasBroken, MaasConflict, MaasUnreachable, MaasUntrusted
from worker.maas.wire import RegionLogin, Wire

TIME_S, GRACE_S = 0.4, 1.0
VERSION = json.dumps({"version": "3.7.3"}).encode()
LIST = Call("GET", "machines/")


def test_one_connection_serves_many_calls(by: Deadline) -> None:
    """Readings and changes one after the other."""
    with odd_region(says(200, VERSION)) as odd:
        calls = odd.client()
        for _ in range(5):
            assert calls.version(by) == "3.7.3"
        odd.wire().call(Call("POST", "machines/", "allocate"), by)
        assert odd.connections == 2


def test_a_change_takes_a_connection_of_a_moment_ago(by: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one may be closed while the change is on its way, and it must not be sent twice."""
    with odd_region(says(200, VERSION)) as odd:
        wire, change = odd.wire(), Call("POST", "machines/", "allocate")
        for _ in range(3):
            wire.call(change, by)
        assert odd.connections == 1
        monkeypatch.setattr(wire_module, "_FRESH_S", 0.0)
        wire.call(change, by)
        assert odd.connections == 2
        wire.call(LIST, by)
        assert odd.connections == 2


def test_how_calls_are_signed(by: Deadline) -> None:
    """By OAuth 1.0 PLAINTEXT, each with a nonce of its own, and nothing of netrc or cookies."""
    with odd_region(says(200, VERSION, Set_Cookie="session=1")) as odd:
        calls = odd.client()
        calls.version(by)
        calls.version(by)
        first, second = (headers["Authorization"] for headers in odd.headers)
        assert 'oauth_signature_method="PLAINTEXT"' in first
        assert 'oauth_consumer_key="consumer-7Rb2"' in first
        assert 'oauth_signature="%26secret-5Zk1"' in first
        assert first != second
        assert not any("Cookie" in headers for headers in odd.headers)
        assert odd.headers[0]["User-Agent"] == "bmprov"


def test_proxies_are_not_used(by: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key goes to the region and to nobody between."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    with odd_region(says(200, VERSION)) as odd:
        assert odd.client().version(by) == "3.7.3"


def test_many_threads_at_once(maas: RunningRegion, wire: Wire, by: Deadline) -> None:
    """Each gets its own answer; twenty who want four machines get four, each once."""
    calls = MaasRegion(wire)
    maas.faults.latency_s = 0.02
    ids = [machine.system_id for machine in maas.machines]

    def take(number: int) -> str:
        assert calls.machine(ids[number % 4], by).system_id == ids[number % 4]
        try:
            return calls.allocate(Constraints(), f"instance-{number}", "", by).system_id
        except MaasConflict:
            return ""

    with ThreadPoolExecutor(20) as pool:
        taken = [one for one in pool.map(take, range(20)) if one]
    assert sorted(taken) == sorted(ids)
    assert len(wire._idle) <= 8


def test_nobody_listens(maas: RunningRegion, by: Deadline) -> None:
    """It is told at once."""
    maas.stop()
    calls = MaasRegion(Wire(RegionLogin("lab", maas.url, maas.key)))
    watch = Stopwatch()
    with pytest.raises(MaasUnreachable, match=r"is not there .*refused.*check its address and its port"):
        calls.machines(by)
    assert watch.took_s() < GRACE_S


def test_a_name_that_is_none(by: Deadline) -> None:
    """So is a host that no resolver knows."""
    calls = MaasRegion(Wire(RegionLogin("lab", "http://region.invalid/MAAS", KEY)))
    with pytest.raises(MaasUnreachable, match="is not there"):
        calls.machines(by)


def test_a_region_that_was_restarted(maas: RunningRegion, wire: Wire, by: Deadline) -> None:
    """Its end of our idle connections is closed: readings and changes go over new ones, and none fails."""
    calls = MaasRegion(wire)
    for act in (lambda: calls.machines(by), lambda: calls.allocate(Constraints(), "us", "", by)):
        calls.machines(by)
        maas.stop()
        maas.start()
        act()
    assert sum(machine.owner is not None for machine in maas.machines) == 1


def test_a_reading_that_is_cut_is_asked_again(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """Once; who is cut twice must wait."""
    for fault in ("drops_before", "drops_amid"):
        setattr(maas.faults, fault, 1)
        assert len(calls.machines(by)) == 4
        setattr(maas.faults, fault, 2)
        with pytest.raises(MaasUnreachable):
            calls.machines(by)


def test_a_change_that_is_cut_is_not_sent_again(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """It may have been done: the caller must look first."""
    for fault, owned in (("drops_before", 0), ("drops_amid", 1)):
        maas.counts.clear()
        setattr(maas.faults, fault, 1)
        with pytest.raises(MaasUnreachable):
            calls.allocate(Constraints(), "us", "", by)
        assert maas.counts.calls["Machines.allocate"] == 1
        assert len(calls.with_agent("us", by)) == owned


def test_a_connection_that_closes_as_it_is_used(by: Deadline) -> None:
    """The second request over one connection meets a reset: the reading goes on over another."""

    def act(handler: Handler) -> None:
        if len(handler.odd.requests) == 2:
            handler.reset()
        else:
            handler.say(200, VERSION)

    with odd_region(act) as odd:
        calls = odd.client()
        assert [calls.version(by) for _ in range(3)] == ["3.7.3"] * 3
        assert (len(odd.requests), odd.connections) == (4, 2)


def silent(handler: Handler) -> None:
    handler.odd.stopping.wait(20)


def dribbles_head(handler: Handler) -> None:
    handler.dribble(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000)


def dribbles_body(handler: Handler) -> None:
    handler.say(200, b"", Content_Length="5000")
    handler.dribble(b"[" * 1000)


def half_closes(handler: Handler) -> None:
    """It says nothing more and keeps the connection."""
    handler.say(200, b'[{"', Content_Length="5000")
    handler.odd.stopping.wait(20)


@pytest.mark.parametrize("act", [silent, dribbles_head, dribbles_body, half_closes])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slow_region_ends_by_the_deadline(act: Act, method: str, by: Deadline) -> None:
    """Whatever it does, and over a connection that was good before too; the next call is not hurt."""
    fine = says(200, VERSION)
    with odd_region(fine) as odd:
        wire = odd.wire()
        wire.call(LIST, by)
        odd.act = act
        watch = Stopwatch()
        with pytest.raises(MaasUnreachable, match=r"did not answer for 0\.\d+ s"):
            wire.call(Call(method, "machines/"), Deadline.after(TIME_S))
        assert watch.took_s() < TIME_S + GRACE_S
        odd.act = fine
        assert wire.call(LIST, by) == {"version": "3.7.3"}


def test_an_answer_that_is_cut_short(by: Deadline) -> None:
    """It is no answer, at the second time of asking either."""

    def act(handler: Handler) -> None:
        handler.say(200, VERSION, Content_Length="5000")
        handler.close_connection = True

    with odd_region(act) as odd, pytest.raises(MaasUnreachable, match=r"broke off its answer .*bytes read"):
        odd.client().version(by)
    assert len(odd.requests) == 2


def test_what_is_no_http(by: Deadline) -> None:
    """Another service on the port."""

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.com ESMTP\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        login = RegionLogin("lab", f"http://127.0.0.1:{listener.getsockname()[1]}/MAAS", KEY)
        with pytest.raises(MaasUnreachable):
            MaasRegion(Wire(login)).machines(by)
        thread.join()


def test_an_answer_without_end(by: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as far as the limit, once."""
    monkeypatch.setattr(wire_module, "_MOST_BYTES", 100_000)
    with odd_region(says(200, b" " * 200_000)) as odd:
        with pytest.raises(MaasBroken, match="answers GET machines/ without end"):
            odd.wire().call(LIST, by)
        assert len(odd.requests) == 1


def test_a_deadline_that_has_passed(maas: RunningRegion, wire: Wire) -> None:
    """Nothing is waited for."""
    with pytest.raises(MaasUnreachable):
        wire.call(LIST, Deadline.after(0))
    assert maas.counts.total == 0


def test_idle_connections_are_closed(maas: RunningRegion, by: Deadline) -> None:
    """`close` leaves none, and the wire is good for more."""
    wire = Wire(RegionLogin("lab", maas.url, maas.key))
    wire.call(LIST, by)
    wire.close()
    assert not wire._idle
    assert len(wire.call(LIST, by)) == 4


def test_an_old_idle_connection_is_not_used(by: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a reading: what lies between may have forgotten it."""
    with odd_region(says(200, VERSION)) as odd:
        wire = odd.wire()
        wire.call(LIST, by)
        monkeypatch.setattr(wire_module, "_KEPT_S", 0.0)
        wire.call(LIST, by)
        assert odd.connections == 2


def test_a_ca_file_that_is_not_there(by: Deadline) -> None:
    """It is told as what it is."""
    wire = Wire(RegionLogin("lab", "https://127.0.0.1:9/MAAS", KEY, "/nowhere/ca.pem"))
    with pytest.raises(MaasUntrusted, match=r"/nowhere/ca\.pem"):
        wire.call(LIST, by)
