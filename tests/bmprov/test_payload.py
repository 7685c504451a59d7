"""What CloudStack's payload means, on full payloads, broken ones, and arbitrary JSON."""

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.model import Arch, BootMode
from bmprov.payload import InstanceRef, parse_host, parse_ref, parse_request, prepare_answer
from bmprov.payload.root_disk import RootDisk
from bmprov.payload.seed import host_name

UUID = "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d"


def nic(number: int, **more: object) -> dict[str, object]:
    return {
        "deviceId": number,
        "defaultNic": number == 0,
        "nicUuid": f"nic-{number}",
        "uuid": f"network-{number}",
        "mac": f"02:01:00:00:00:{number:02X}",
        "ip": f"10.1.{number}.7",
        "netmask": "255.255.255.0",
        "gateway": f"10.1.{number}.1",
        "dns1": "10.1.0.2",
        "broadcastUri": f"vlan://{1500 + number}",
        "mtu": 1500,
        **more,
    }


def payload(asked: dict[str, Any] | None = None, /, **vm: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "externaldetails": {
            "extension": {"zone": "z1"},
            "resourcemap": {"cluster": "c7"},
            "host": {"rack": "r9"},
            "virtualmachine": {"image": "debian-12", **(asked or {})},
        },
        "virtualmachineid": UUID,
        "virtualmachinename": "i-2-34-VM",
        "cloudstack.vm.details": {
            "name": "i-2-34-VM",
            "cpus": 4,
            "minRam": 8 * 2**30,
            "arch": "x86_64",
            "bootType": "UEFI",
            "nics": [nic(0)],
            **vm,
        },
    }


def test_a_full_payload() -> None:
    """Every field that matters becomes a typed one."""
    request = parse_request(payload({"tags": "ssd, gpu", "cpus_min": "16", "nic_tags": "front"}))
    assert (request.instance_id, request.name) == (UUID, "i-2-34-VM")
    assert (request.cpus, request.memory_mib) == (4, 8192)
    assert (request.arch, request.boot_mode) == (Arch.X86_64, BootMode.UEFI)
    assert request.choice.image == "debian-12"
    assert request.choice.tags == ("gpu", "ssd")
    assert (request.choice.zone, request.choice.rack, request.choice.min_cpus) == ("z1", "r9", 16)
    [found] = request.nics
    assert found.mac == "02:01:00:00:00:00"
    assert found.address == "10.1.0.7/24"
    assert (found.gateway, found.dns, found.vlan, found.mtu, found.tag) == (
        "10.1.0.1",
        ("10.1.0.2",),
        1500,
        1500,
        "front",
    )
    assert request.seed.hostname == "i-2-34-vm"


@pytest.mark.parametrize(
    ("boot_type", "detail", "mode"),
    [
        ("UEFI", None, BootMode.UEFI),
        ("BIOS", None, None),
        ("BIOS", "bios", BootMode.BIOS),
        ("UEFI", "bios", BootMode.BIOS),
    ],
)
def test_boot_modes(boot_type: str, detail: str | None, mode: BootMode | None) -> None:
    """CloudStack says BIOS when nobody chose, which is no reason to refuse a machine that boots by UEFI."""
    asked = {"boot_mode": detail} if detail else {}
    assert parse_request(payload(asked, bootType=boot_type)).boot_mode is mode


def test_the_instance_overrides_the_host_and_the_extension() -> None:
    """Details nearer to the instance win."""
    request = parse_request(payload({"zone": "z2", "rack": "r1"}))
    assert (request.choice.zone, request.choice.rack) == ("z2", "r1")


def test_the_root_disk() -> None:
    """Every word narrows the choice; nothing said, any disk will do."""
    told = parse_request(payload({"root_disk": "ssd, serial=S3Z8NB0K,wwn=0x5000c500a1b2c3d4, min_gib=100,max_gib=960"}))
    assert told.choice.root_disk == RootDisk(
        "S3Z8NB0K", "0x5000c500a1b2c3d4", rotational=False, min_gib=100, max_gib=960
    )
    assert parse_request(payload({"root_disk": "hdd"})).choice.root_disk == RootDisk(rotational=True)
    assert parse_request(payload()).choice.root_disk == RootDisk()


def test_no_nics_and_eight_nics() -> None:
    """The count of NICs is whatever the instance has, in the order of their device ids."""
    assert parse_request(payload(nics=[])).nics == ()
    many = parse_request(payload(nics=[nic(number) for number in reversed(range(8))])).nics
    assert [one.nic_uuid for one in many] == [f"nic-{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("uri", "vlan"),
    [("vlan://1577", 1577), ("vlan://untagged", None), ("vxlan://100", None), (None, None), ("vlan://", None)],
)
def test_vlans(uri: str | None, vlan: int | None) -> None:
    """`vlan://untagged`, other networks and no network at all are no VLAN."""
    assert parse_request(payload(nics=[nic(0, broadcastUri=uri)])).nics[0].vlan == vlan


def test_ipv6() -> None:
    """An IPv6 address takes its prefix from the network."""
    more = {"ip6address": "fd00:1::7", "ip6cidr": "fd00:1::/64", "ip6gateway": "fd00:1::1"}
    [found] = parse_request(payload(nics=[nic(0, **more)])).nics
    assert (found.address6, found.gateway6) == ("fd00:1::7/64", "fd00:1::1")


def test_an_ipv6_network_without_an_address() -> None:
    """The router says how; a network without IPv6 says nothing of it."""
    told = parse_request(payload(nics=[nic(0, ip6cidr="fd00:1::/64", ip6gateway="fd00:1::1"), nic(1)])).nics
    assert [(one.address6, one.routed6) for one in told] == [(None, True), (None, False)]


@pytest.mark.parametrize(
    ("detail", "imposed"),
    [
        (None, [False, False, False]),
        ("adopt", [False, False, False]),
        ("Impose", [True, True, True]),
        ("adopt, impose", [False, True, False]),
        (",,impose", [False, False, True]),
    ],
)
def test_whose_mac_a_nic_has(detail: str | None, imposed: list[bool]) -> None:
    """One word is for all NICs, several are for each in the order of their device ids; what is left out is adopted."""
    told = parse_request(payload({"mac": detail}, nics=[nic(2), nic(0), nic(1)])).nics
    assert [one.impose for one in told] == imposed


def test_who_gives_the_addresses() -> None:
    """The same words; the nearest of instance, host and extension decides for all NICs."""
    asked = payload({"addresses": "static,dhcp"}, nics=[nic(0), nic(1)])
    asked["externaldetails"]["host"]["addresses"] = "dhcp"
    asked["externaldetails"]["extension"]["mac"] = "impose"
    assert [(one.by_dhcp, one.impose) for one in parse_request(asked).nics] == [(False, True), (True, True)]
    del asked["externaldetails"]["virtualmachine"]["addresses"]
    assert [one.by_dhcp for one in parse_request(asked).nics] == [True, True]


def test_the_seed_of_an_instance() -> None:
    """Keys, user data and password come out of the two places that CloudStack has for them."""
    user_data = b"#cloud-config\npackages: [vim]\n"
    rows = [
        ["userdata", "user_data", base64.b64encode(user_data).decode()],
        ["metadata", "public-keys", "ssh-ed25519 AAAA other"],
        ["password", "vm_password", "geheim"],
        ["metadata", "vm-id", None],
    ]
    seed = parse_request(
        payload(vmData=rows, details={"SSH.PublicKey": "ssh-ed25519 AAAA eve\nssh-rsa BBBB bob\n"})
    ).seed
    assert seed.ssh_keys == ("ssh-ed25519 AAAA eve", "ssh-rsa BBBB bob")
    assert (seed.user_data, seed.password) == (user_data, "geheim")
    assert "geheim" not in repr(seed)
    assert "vim" not in repr(seed)
    assert parse_request(payload(vmData=rows)).seed.ssh_keys == ("ssh-ed25519 AAAA other",)


def test_user_data_in_the_clear_is_taken_as_it_is() -> None:
    """What is not base64 is what somebody wrote."""
    assert parse_request(payload(vmData=[["userdata", "user_data", "#!/bin/sh\n"]])).seed.user_data == b"#!/bin/sh\n"


def test_five_megabytes_of_user_data_are_refused() -> None:
    """The refusal says how much there was and how much is taken."""
    huge = base64.b64encode(b"x" * 5_000_000).decode()
    with pytest.raises(Invalid, match=r"5000000 bytes: at most 1048576"):
        parse_request(payload(vmData=[["userdata", "user_data", huge]]))


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("Żółta Łódź",), "zota-odz"),
        (("web_01.example",), "web-01-example"),
        (("日本", "i-2-34-VM"), "i-2-34-vm"),
        (("-" * 80, None, ""), "instance"),
        (("a" * 62 + "-b",), "a" * 62),
    ],
)
def test_host_names(names: tuple[str | None, ...], label: str) -> None:
    """Whatever people call their instances, the system gets a host name that is one."""
    assert host_name(*names) == label


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"virtualmachineid": None, "cloudstack.vm.details": {}}, "no 'virtualmachineid'"),
        ({"virtualmachineid": "../../etc"}, "'virtualmachineid' is not a UUID"),
        ({"virtualmachineid": 7}, "'virtualmachineid' is not a text"),
        ({"cloudstack.vm.details": None}, "no 'cloudstack.vm.details'"),
        ({"cloudstack.vm.details": [1]}, "'cloudstack.vm.details' is not an object"),
        ({"externaldetails": "x"}, "'externaldetails' is not an object"),
        (payload({"cpus_min": "many"}), "'externaldetails.virtualmachine.cpus_min' is not a whole number"),
        (payload({"root_disk": "nvme"}), "'root_disk' has 'nvme', which is not understood"),
        (payload({"root_disk": "ssd,hdd"}), "'root_disk' says 'rotational' twice"),
        (payload({"root_disk": "max_gib=1T"}), "'root_disk' has 'max_gib=1T', which is no number of GiB"),
        (payload({"tags": ["a"]}), "'externaldetails.virtualmachine.tags' is not a text"),
        (payload(cpus=-1), "'cloudstack.vm.details.cpus' is out of range"),
        (payload(cpus=True), "'cloudstack.vm.details.cpus' is not a whole number"),
        (payload(minRam=float("nan")), "'cloudstack.vm.details.minRam' is not a whole number"),
        (payload(arch="s390x"), "'cloudstack.vm.details.arch' is 's390x': it can be x86_64"),
        (payload(bootType="netboot"), "'cloudstack.vm.details.bootType' is 'netboot'"),
        (payload(nics={}), "'cloudstack.vm.details.nics' is not a list"),
        (payload({"mac": "adopt;impose"}), "the detail 'mac' says 'adopt;impose': it is adopt or impose"),
        (payload({"addresses": "static,slaac"}), "the detail 'addresses' says 'slaac': it is static or dhcp"),
        (payload({"mac": "adopt,impose"}), "the detail 'mac' is for 2 NICs, and the instance has 1"),
        (payload(nics=[nic(0, mac="nonsense")]), r"nics\[0\].mac' makes no sense"),
        (payload(nics=[nic(0, ip="10.1.1")]), r"nics\[0\].ip' is not an IP address"),
        (payload(nics=[nic(0, netmask="1.2.3.4")]), r"nics\[0\].netmask' is not a netmask"),
        (payload(nics=[nic(0, broadcastUri="vlan://5000")]), r"nics\[0\].broadcastUri' names no VLAN"),
        (payload(nics=[nic(0), nic(1, mac="02-01-00-00-00-00")]), "two NICs of the instance have the same mac"),
        (payload(vmData=[["userdata"]]), "is not \\[directory, file, content\\]"),
        (payload({"machine": "a\x00b"}), "control characters"),
        (payload({"machine": "a" * 5000}), "too long"),
    ],
)
def test_what_makes_no_sense_is_named(broken: dict[str, Any], says: str) -> None:
    """One sentence with the key in it, and nothing but `Invalid`."""
    with pytest.raises(Invalid, match=says):
        parse_request({**payload(), **broken})


def test_a_reference_needs_only_the_uuid() -> None:
    """`stop` and `delete` work on a payload in which everything else is missing or broken."""
    assert parse_ref({"virtualmachineid": UUID.upper()}) == InstanceRef(UUID, UUID)
    assert parse_ref({"cloudstack.vm.details": {"uuid": UUID, "name": "i-2-34-VM", "nics": 5}}) == InstanceRef(
        UUID, "i-2-34-VM"
    )


def test_the_host_is_named_or_digested() -> None:
    """Two hosts are told apart, and the same host is the same in `create` and in `statuses`."""
    assert parse_host({"externaldetails": {"host": {"host": "rack-1"}}}) == "rack-1"
    mine = parse_host(payload())
    assert mine == parse_host({"externaldetails": {"host": {"bmc_password": "y"}, "resourcemap": {"cluster": "c7"}}})
    assert mine != parse_host({"externaldetails": {"host": {}, "resourcemap": {"cluster": "c8"}}})


def test_the_answer_to_prepare() -> None:
    """Both uuids of a NIC, so that CloudStack's merge finds it, and the details that come back later."""
    request = parse_request(payload(nics=[nic(0), nic(1)]))
    answer = prepare_answer(request, {"nic-0": "52:54:00:00:00:01"}, {"External:bmprov.machine": "rack1-07"})
    assert answer == {
        "nics": [{"uuid": "network-0", "nicUuid": "nic-0", "mac": "52:54:00:00:00:01"}],
        "details": {"External:bmprov.machine": "rack1-07"},
    }


def test_an_imposed_mac_stays_cloudstacks() -> None:
    """`prepare` answers with what CloudStack issued, if it did."""
    request = parse_request(payload({"mac": "impose"}, nics=[nic(0), nic(1, mac=None)]))
    answer = prepare_answer(request, {"nic-0": "52:54:00:00:00:01", "nic-1": "52:54:00:00:00:02"}, {})
    assert [one["mac"] for one in answer["nics"]] == ["02:01:00:00:00:00", "52:54:00:00:00:02"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["name", "cpus", "minRam", "arch", "bootType", "nics", "details", "vmData", "uuid"]
NIC_KEYS = list(nic(0))


@given(
    vm=st.dictionaries(st.sampled_from(KEYS), JSON),
    nics=st.lists(st.dictionaries(st.sampled_from(NIC_KEYS), JSON), max_size=3),
    details=st.dictionaries(
        st.sampled_from(
            ["image", "tags", "machine", "cpus_min", "nic_tags", "hostname", "root_disk", "mac", "addresses"]
        ),
        JSON,
    ),
    other=JSON,
)
def test_no_json_does_anything_but_parse_or_be_refused(
    vm: dict[str, Any], nics: list[dict[str, Any]], details: dict[str, Any], other: object
) -> None:
    """Fuzzed in every key that is read."""
    for hostile in (payload(details, **vm), payload(details, nics=nics), {**payload(), "externaldetails": other}):
        with suppress(Invalid):
            assert parse_request(hostile).instance_id == UUID
