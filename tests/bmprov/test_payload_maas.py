"""What CloudStack's payload says of MAAS: our names and the built-in extension's, and whose word counts."""

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.model import Arch, BackEnd
from bmprov.orders.cloudstack import need_of
from bmprov.payload import MaasLogin, parse_host, parse_request
from bmprov.payload.choice import Choice

UUID = "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d"
SECRET = "cHrJ5DKmFsPQwEaPhN9gBDvdYnKSxmJu"
KEY = f"aCbyjfKSyhv8Fn7b7G:Xn8tWYqnXw4TtpSQrn:{SECRET}"
URL = "http://192.0.2.5:5240/MAAS"
OURS = {"maas_url": URL, "maas_key": KEY}
BUILT_IN = {"endpoint": "http://192.0.2.5", "apikey": KEY}
LEVELS = ("host", "resourcemap", "extension")

Details = dict[str, Any]


def payload(asked: Details | None = None, plain: Details | None = None, **levels: Details) -> dict[str, Any]:
    return {
        "externaldetails": {**levels, "virtualmachine": asked or {}},
        "virtualmachineid": UUID,
        "virtualmachinename": "i-2-34-VM",
        "cloudstack.vm.details": {"details": plain or {}},
    }


def choice(asked: Details | None = None, plain: Details | None = None, **levels: Details) -> Choice:
    return parse_request(payload(asked, plain, **levels)).choice


def test_nothing_is_said_of_maas() -> None:
    """Then nothing is asked of it, and MAAS would configure addresses."""
    found = choice({"image": "debian-12"})
    assert (found.maas, found.back_end, found.series, found.hwe_kernel, found.system_id) == (None,) * 5
    assert found.address_by_dhcp is False


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("told", [OURS, BUILT_IN], ids=["ours", "built-in"])
def test_a_region_comes_from_an_operators_details(level: str, told: Details) -> None:
    """By our names or the built-in extension's, and the back end follows."""
    found = choice(**{level: told})
    assert found.maas == MaasLogin(URL, KEY)
    assert found.back_end is BackEnd.MAAS


@pytest.mark.parametrize("told", [OURS, BUILT_IN, {"maas_key": KEY}, {"apikey": KEY}])
def test_no_region_comes_from_a_users_details(told: Details) -> None:
    """A user writes the instance's: the key of the operator would go where they say."""
    found = choice(told, plain=told)
    assert (found.maas, found.back_end) == (None, None)
    assert choice(told, host={"maas_url": "http://b:5240/MAAS", "maas_key": "a:b:c"}).maas == MaasLogin(
        "http://b:5240/MAAS", "a:b:c"
    )


def test_the_nearest_region_counts() -> None:
    """Host before mapping before extension."""
    named = {level: {"maas_url": f"http://{level}:5240/MAAS", "maas_key": f"{level}:b:c"} for level in LEVELS}
    for level in LEVELS:
        assert choice(**named).maas == MaasLogin(f"http://{level}:5240/MAAS", f"{level}:b:c")
        del named[level]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("192.0.2.5", URL),
        ("http://192.0.2.5/", URL),
        ("https://maas.example", "https://maas.example:5240/MAAS"),
        ("maas.example:80", "http://maas.example:80/MAAS"),
        ("[2001:db8::5]", "http://[2001:db8::5]:5240/MAAS"),
        ("http://maas.example:5240/MAAS", "http://maas.example:5240/MAAS"),
        ("http://maas.example/MAAS/", "http://maas.example/MAAS/"),
    ],
)
def test_an_endpoint_is_completed_as_the_built_in_extension_does(endpoint: str, url: str) -> None:
    """It puts `http://` before and `:5240/MAAS` behind; who has written them out is understood too."""
    found = choice(host={"endpoint": endpoint, "apikey": KEY}).maas
    assert found is not None
    assert found.url == url


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"maas_url": URL}, "has 'externaldetails.host.maas_url' and no 'maas_key' beside it"),
        ({"maas_key": KEY}, "has 'externaldetails.host.maas_key' and no 'maas_url' beside it"),
        ({"apikey": KEY}, "has 'externaldetails.host.apikey' and no 'endpoint' beside it"),
        ({"maas_url": URL, "apikey": KEY}, "has 'externaldetails.host.maas_url' and no 'maas_key' beside it"),
        ({"endpoint": "http://[", "apikey": KEY}, "'endpoint' beside 'apikey' is no URL"),
        ({"endpoint": "maas:port", "apikey": KEY}, "'endpoint' beside 'apikey' is no URL"),
        ({"maas_url": URL, "maas_key": [KEY]}, "'externaldetails.host.maas_key' is not a text"),
    ],
)
def test_half_a_region_is_none(told: Details, says: str) -> None:
    """A key is not taken to the URL of another level, and is not quoted."""
    with pytest.raises(Invalid) as refusal:
        choice(host=told, extension=OURS)
    assert says in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_an_endpoint_alone_is_not_maas() -> None:
    """It was bmprov's own, sent by an extension that keeps it in the payload."""
    assert choice(host={"endpoint": "https://bmprov.example:8443"}).back_end is None


def test_a_key_is_in_no_repr() -> None:
    """What is logged or raised with a request shows no secret."""
    assert SECRET not in repr(parse_request(payload(host=OURS)))


@pytest.mark.parametrize(
    ("asked", "host", "back_end", "has_region"),
    [
        ({"backend": "maas"}, {}, BackEnd.MAAS, False),
        ({"backend": "Direct"}, OURS, BackEnd.DIRECT, False),
        ({}, {**OURS, "backend": "direct"}, BackEnd.DIRECT, False),
        ({"backend": "maas"}, {**OURS, "backend": "direct"}, BackEnd.MAAS, True),
    ],
)
def test_the_back_end_is_told_or_follows(asked: Details, host: Details, back_end: BackEnd, *, has_region: bool) -> None:
    """The nearest word counts; a region that is not to be used is not handed on."""
    found = choice(asked, host=host)
    assert found.back_end is back_end
    assert (found.maas is not None) is has_region


@pytest.mark.parametrize(
    ("plain", "asked", "extension", "series"),
    [
        ({}, {"distro_series": "jammy"}, {}, "jammy"),
        ({}, {"os": "ubuntu", "distro_series": "jammy"}, {}, "ubuntu/jammy"),
        ({}, {"distro_series": "ubuntu/jammy"}, {}, "ubuntu/jammy"),
        ({}, {"os": "ubuntu", "distro_series": "ubuntu/jammy"}, {}, "ubuntu/jammy"),
        ({}, {"distro_series": "jammy"}, {"os": "ubuntu"}, "ubuntu/jammy"),
        ({}, {"distro_series": "custom/rocky-9.4"}, {"os": "ubuntu", "distro_series": "noble"}, "custom/rocky-9.4"),
        ({}, {}, {"os": "ubuntu", "distro_series": "noble"}, "ubuntu/noble"),
        ({"distro_series": "ubuntu/focal"}, {"distro_series": "jammy"}, {}, "ubuntu/focal"),
        ({}, {"os": "linux", "image": "debian-12"}, {}, None),
    ],
)
def test_the_series(plain: Details, asked: Details, extension: Details, series: str | None) -> None:
    """One text for MAAS, from whichever of both names says it, nearest first."""
    assert choice(asked, plain, extension=extension).series == series


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"os": "ubuntu"}, "say os 'ubuntu' and no 'distro_series'"),
        ({"os": "centos", "distro_series": "ubuntu/jammy"}, "say os 'centos' and distro_series 'ubuntu/jammy'"),
        ({"distro_series": "ubuntu/"}, "'distro_series' is 'ubuntu/'"),
        ({"distro_series": "a/b/c"}, "'distro_series' is 'a/b/c'"),
        ({"distro_series": "jammy jellyfish"}, "'distro_series' is 'jammy jellyfish'"),
        ({"architecture": "ppc64el/generic"}, "'architecture' is 'ppc64el/generic'"),
        ({"backend": "ironic"}, "'externaldetails.virtualmachine.backend' is 'ironic'"),
        ({"maas_ip": "auto"}, "'externaldetails.virtualmachine.maas_ip' is 'auto'"),
        ({"pod": "a", "pool": "b"}, "'externaldetails.virtualmachine.pod' and 'externaldetails.virtualmachine.pool'"),
    ],
)
def test_what_makes_no_sense_is_named(asked: Details, says: str) -> None:
    """The sentence quotes the detail."""
    with pytest.raises(Invalid) as refusal:
        choice(asked)
    assert says in str(refusal.value)


def test_cloudstacks_architecture_counts_before_that_of_maas() -> None:
    """The detail is for whoever CloudStack says nothing about."""
    told = payload({"architecture": "arm64/generic"})
    assert parse_request(told).arch is Arch.AARCH64
    told["cloudstack.vm.details"]["arch"] = "x86_64"
    assert parse_request(told).arch is Arch.X86_64


def test_the_address_by_dhcp_and_the_kernel_have_defaults() -> None:
    """The host says how its network works, and a template may differ."""
    host = {"maas_ip": "dhcp", "hwe_kernel": "hwe-22.04"}
    assert (choice(host=host).address_by_dhcp, choice(host=host).hwe_kernel) == (True, "hwe-22.04")
    assert choice({"maas_ip": "static"}, host=host).address_by_dhcp is False


def test_a_pool_is_a_pod() -> None:
    """Told twice alike, or nearer than the other."""
    assert choice({"pool": "gpu", "pod": "gpu"}).pod == "gpu"
    assert choice({"pool": "gpu"}, host={"pod": "p1"}).pod == "gpu"
    assert choice(host={"pool": "p1"}).pod == "p1"


def test_what_a_machine_of_maas_must_be() -> None:
    """Tags that it must not have, and its own name in MAAS, become the need."""
    need = need_of(parse_request(payload({"not_tags": "virtual, noisy,", "maas_system_id": "4y3h7n", "pool": "gpu"})))
    assert (need.not_tags, need.system_id, need.pod) == (("noisy", "virtual"), "4y3h7n", "gpu")
    assert need_of(parse_request(payload(plain={"maas_system_id": "abc"}))).system_id == "abc"


def test_a_new_key_leaves_the_host_the_same() -> None:
    """Instances stay their host's when a key is renewed or a default changed; another region is another host."""

    def host(**details: str) -> str:
        return parse_host({"externaldetails": {"host": details, "resourcemap": {}}})

    assert host(maas_url=URL, maas_key="a:b:c") == host(maas_url=URL, maas_key="d:e:f", distro_series="jammy")
    assert host(endpoint="a", apikey="a:b:c") == host(endpoint="a", apikey="d:e:f", maas_ip="dhcp")
    assert host(maas_url="http://a", maas_key="a:b:c") != host(maas_url="http://b", maas_key="a:b:c")
    assert host(endpoint="a", apikey="a:b:c") != host(endpoint="b", apikey="a:b:c")
    assert host(rack="r1") == hashlib.sha256(b'{"host": {}, "resourcemap": {}}').hexdigest()[:16]


NAMES = ["backend", "os", "distro_series", "architecture", "pod", "pool", "not_tags", "maas_ip", "hwe_kernel"]
NAMES += ["maas_system_id", "maas_url", "maas_key", "endpoint", "apikey"]
TEXTS = st.text() | st.sampled_from(["maas", "ubuntu/jammy", "jammy", "amd64/generic", "dhcp", "http://[", "a:b:c"])
DETAILS = st.dictionaries(st.sampled_from(NAMES), TEXTS | st.integers() | st.none() | st.lists(TEXTS, max_size=1))


@given(asked=DETAILS, plain=DETAILS, host=DETAILS, extension=DETAILS)
def test_no_details_do_anything_but_parse_or_be_refused(
    asked: Details, plain: Details, host: Details, extension: Details
) -> None:
    """Fuzzed in every detail that is read; a region is the nearest operator's or nobody's."""
    with suppress(Invalid):
        found = choice(asked, plain, host=host, extension=extension)
        if found.maas is not None:
            told = [level.get(name) for level in (host, extension) for name in ("maas_key", "apikey")]
            assert found.maas.key in [key.strip() for key in told if isinstance(key, str)]
            assert found.back_end is BackEnd.MAAS
