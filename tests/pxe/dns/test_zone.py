"""What is ours, and what is said about it."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from pxe.dns.message import NO_ERROR, NO_SUCH_NAME, Query
from pxe.dns.zone import Hosts, Zone

SERVER, ADDRESS = IPv4Address("10.1.0.1"), IPv4Address("10.1.3.9")
NETWORKS = [IPv4Network("10.1.0.0/22"), IPv4Network("192.0.2.128/25"), IPv4Network("172.16.0.0/16")]
ZONE = Zone("bmprov.internal", NETWORKS, SERVER)
LONG = "x" * 64
HOSTS = Hosts(
    {"rack1-07": ADDRESS, "idle": None, "a.b": IPv4Address("172.16.5.5"), LONG: IPv4Address("10.1.0.7")},
    {ADDRESS: "rack1-07", IPv4Address("172.16.5.5"): "a.b", IPv4Address("10.1.0.7"): LONG},
)
KINDS = {"A": 1, "NS": 2, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "ANY": 255}


def said(name: str, kind: str) -> str:
    """The answer in words: `not ours`, `no such name`, `no data`, or the records' data."""
    apex = ZONE.apex_of(name)
    if apex is None:
        return "not ours"
    labels = tuple(label.encode() for label in name.split("."))
    found = ZONE.answer(Query(1, labels, KINDS[kind], 1, b""), apex, HOSTS)
    if found.records:
        return " ".join(str(record.rdata) for record in found.records)
    assert [str(record.rname) for record in found.about] == [f"{apex}."]
    return {NO_ERROR: "no data", NO_SUCH_NAME: "no such name"}[found.code]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("rack1-07.bmprov.internal", "A", "10.1.3.9"),
        ("rack1-07.bmprov.internal", "ANY", "10.1.3.9"),
        ("rack1-07.bmprov.internal", "AAAA", "no data"),
        ("rack1-07.bmprov.internal", "TXT", "no data"),
        ("idle.bmprov.internal", "A", "no data"),
        ("nobody.bmprov.internal", "A", "no such name"),
        ("nobody.bmprov.internal", "AAAA", "no such name"),
        ("a.b.bmprov.internal", "A", "172.16.5.5"),
        ("b.bmprov.internal", "A", "no data"),
        ("boot.bmprov.internal", "A", "10.1.0.1"),
        ("boot.bmprov.internal", "AAAA", "no data"),
        ("bmprov.internal", "NS", "boot.bmprov.internal."),
        ("bmprov.internal", "SOA", "boot.bmprov.internal. hostmaster.bmprov.internal. 1 3600 600 86400 5"),
        ("bmprov.internal", "A", "no data"),
        ("xbmprov.internal", "A", "not ours"),
        ("internal", "A", "not ours"),
        ("", "NS", "not ours"),
        ("9.3.1.10.in-addr.arpa", "PTR", "rack1-07.bmprov.internal."),
        ("9.3.1.10.in-addr.arpa", "A", "no data"),
        ("1.0.1.10.in-addr.arpa", "PTR", "boot.bmprov.internal."),
        ("8.3.1.10.in-addr.arpa", "PTR", "no such name"),
        ("7.0.1.10.in-addr.arpa", "PTR", "no such name"),
        ("09.3.1.10.in-addr.arpa", "PTR", "no such name"),
        ("x.9.3.1.10.in-addr.arpa", "PTR", "no such name"),
        ("3.1.10.in-addr.arpa", "SOA", "boot.bmprov.internal. hostmaster.bmprov.internal. 1 3600 600 86400 5"),
        ("9.4.1.10.in-addr.arpa", "PTR", "not ours"),
        ("1.10.in-addr.arpa", "PTR", "not ours"),
        ("5.5.16.172.in-addr.arpa", "PTR", "a.b.bmprov.internal."),
        ("5.16.172.in-addr.arpa", "PTR", "no data"),
        ("256.16.172.in-addr.arpa", "PTR", "no such name"),
        ("129.2.0.192.in-addr.arpa", "PTR", "no such name"),
        ("127.2.0.192.in-addr.arpa", "PTR", "not ours"),
        ("in-addr.arpa", "NS", "not ours"),
    ],
)
def test_the_zone_answers(name: str, kind: str, words: str) -> None:
    """A name that exists has "no data" for other types; a machine without address exists; names too long do not."""
    assert said(name, kind) == words
