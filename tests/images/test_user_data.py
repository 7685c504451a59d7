"""The user data for MAAS, judged by cloud-init itself: ours is there, and the tenant's means what it meant alone."""

import base64
import email
import gzip
import json
import re
from collections.abc import Iterator
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bmprov.payload import InstanceRequest, parse_request
from images.user_data import cloud_user_data
from tests.images.judge import Judge

SCRIPT = b"#!/bin/sh\necho '\xc3\xbc' > /tmp/it\n"
CONFIG = b"#cloud-config\npackages: [nginx]\nssh_authorized_keys: [ssh-rsa BBBB adam]\n"


def request(user_data: bytes | None, **more: object) -> InstanceRequest:
    """An instance web-01 with a key and a password."""
    rows: list[list[object]] = [["password", "vm_password", "geheim: #1"]]
    if user_data is not None:
        rows.append(["userdata", "user_data", base64.b64encode(user_data).decode()])
    return parse_request(
        {
            "externaldetails": {"virtualmachine": {"hostname": "Web 01"}},
            "virtualmachineid": "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d",
            "cloudstack.vm.details": {"details": {"SSH.PublicKey": "ssh-ed25519 AAAA eve"}, "vmData": rows, **more},
        }
    )


def made(user_data: bytes | None) -> bytes:
    return cloud_user_data(request(user_data))


OURS = made(None)


def message(*parts: tuple[str, bytes]) -> bytes:
    """A tenant's own multipart, as `cloud-init devel make-mime` writes it."""
    whole = MIMEMultipart(boundary="===tenant===")
    for kind, content in parts:
        whole.attach(MIMEText(content.decode(), kind))
    return whole.as_bytes()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.close()


def test_without_a_word_of_the_tenant() -> None:
    """A cloud-config that an operator can read in MAAS."""
    assert OURS.decode() == (
        "#cloud-config\n"
        "fqdn: web-01\n"
        "prefer_fqdn_over_hostname: false\n"
        "preserve_hostname: false\n"
        "ssh_authorized_keys:\n- ssh-ed25519 AAAA eve\n"
        "password: 'geheim: #1'\n"
        "chpasswd:\n  expire: false\n"
        "ssh_pwauth: true\n"
    )
    assert made(b"") == OURS


def test_what_was_not_chosen_is_not_set() -> None:
    """Without keys and a password, MAAS's own keys stay the only way in."""
    bare = cloud_user_data(request(None, details={}, vmData=[]))
    assert bare == b"#cloud-config\nfqdn: web-01\nprefer_fqdn_over_hostname: false\npreserve_hostname: false\n"


@pytest.mark.parametrize("told", [None, CONFIG, SCRIPT, b"junk \xff\x00"])
def test_a_system_has_name_key_and_password(told: bytes | None, judge: Judge) -> None:
    """Ours arrives beside anything, in spite of the name that MAAS gave the machine."""
    found = judge.boot(made(told))
    assert found["hostname"] == "web-01"
    assert found["preserved"] is False
    assert "ssh-ed25519 AAAA eve" in found["config"]["ssh_authorized_keys"]
    assert (found["config"]["password"], found["config"]["ssh_pwauth"]) == ("geheim: #1", True)
    assert found["config"]["chpasswd"] == {"expire": False}


def test_keys_are_added_to_the_tenants(judge: Judge) -> None:
    """Both are let in, and all else of his is there."""
    config = judge.boot(made(CONFIG))["config"]
    assert config["ssh_authorized_keys"] == ["ssh-rsa BBBB adam", "ssh-ed25519 AAAA eve"]
    assert config["packages"] == ["nginx"]


def test_the_tenants_words_win(judge: Judge) -> None:
    """Whatever both say, with the rest of ours beside it."""
    theirs = b"#cloud-config\npassword: his\nssh_pwauth: false\nchpasswd: {expire: true}\npreserve_hostname: true\n"
    found = judge.boot(made(theirs))
    assert {key: found["config"][key] for key in ("password", "ssh_pwauth", "chpasswd")} == {
        "password": "his",
        "ssh_pwauth": False,
        "chpasswd": {"expire": True},
    }
    assert found["preserved"] is True
    assert found["config"]["ssh_authorized_keys"] == ["ssh-ed25519 AAAA eve"]


@pytest.mark.parametrize(
    ("theirs", "hostname"),
    [
        ("hostname: mine", "mine"),
        ("fqdn: mine.example.com", "mine"),
        ("hostname: mine\nfqdn: other.example.com", "mine"),
        ("fqdn: mine.example.com\nprefer_fqdn_over_hostname: true", "mine.example.com"),
        ("packages: []", "web-01"),
    ],
)
def test_the_tenants_host_name_wins(theirs: str, hostname: str, judge: Judge) -> None:
    """By either of the words that cloud-init has for it."""
    assert judge.boot(made(f"#cloud-config\n{theirs}\n".encode()))["hostname"] == hostname


def test_how_the_tenant_merges_is_his_affair(judge: Judge) -> None:
    """His parts among themselves, by his own rules; then ours."""
    first, second = (
        b"#cloud-config\nruncmd: [a]\n",
        b"#cloud-config\nmerge_how: 'list(append)+dict(recurse_list)'\nruncmd: [b]\n",
    )
    config = judge.boot(made(message(("cloud-config", first), ("cloud-config", second))))["config"]
    assert config["runcmd"] == ["a", "b"]
    assert config["ssh_authorized_keys"] == ["ssh-ed25519 AAAA eve"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "theirs", [SCRIPT, message(("cloud-config", CONFIG), ("x-shellscript", SCRIPT))], ids=["script", "multipart"]
)
def test_scripts_stay_scripts(theirs: bytes, packed: bool, judge: Judge) -> None:  # noqa: FBT001 - pytest's parameter
    """Alone, as a part, or compressed, the system runs what the tenant wrote."""
    found = judge.boot(made(gzip.compress(theirs) if packed else theirs))
    assert found["scripts"] == [SCRIPT.decode()]
    assert "ssh-ed25519 AAAA eve" in found["config"]["ssh_authorized_keys"]


def test_a_template_is_filled_in(judge: Judge) -> None:
    """His is a jinja template; braces in our password are none."""
    theirs = b"## template: jinja\n#cloud-config\nruncmd: ['echo {{ v1.local_hostname }}']\n"
    rows = [["password", "vm_password", "{{ 7 * 7 }}"], ["userdata", "user_data", base64.b64encode(theirs).decode()]]
    config = judge.boot(cloud_user_data(request(None, vmData=rows)))["config"]
    assert (config["runcmd"], config["password"]) == (["echo node-7"], "{{ 7 * 7 }}")


def test_what_is_included_comes_before_ours(tmp_path: Path, judge: Judge) -> None:
    """His URL's host name wins too."""
    (tmp_path / "more").write_text("#cloud-config\nhostname: from-afar\n")
    found = judge.boot(made(f"#include\nfile://{tmp_path}/more\n".encode()))
    assert found["hostname"] == "from-afar"
    assert found["config"]["ssh_authorized_keys"] == ["ssh-ed25519 AAAA eve"]


def test_an_archive_keeps_its_entries(judge: Judge) -> None:
    """cloud-init's own form of several parts."""
    entries = [{"type": "text/cloud-config", "content": CONFIG.decode()}, SCRIPT.decode()]
    found = judge.boot(made(b"#cloud-config-archive\n" + json.dumps(entries).encode()))
    assert found["scripts"] == [SCRIPT.decode()]
    assert found["config"]["ssh_authorized_keys"] == ["ssh-rsa BBBB adam", "ssh-ed25519 AAAA eve"]


def test_the_same_request_makes_the_same_bytes() -> None:
    """An order that is repeated sends MAAS what it has already; gzip's date is no date."""
    for theirs in (CONFIG, gzip.compress(CONFIG, mtime=5)):
        assert made(theirs) == made(theirs)
    assert made(gzip.compress(CONFIG, mtime=5)) == made(gzip.compress(CONFIG, mtime=6))


def test_what_was_small_stays_small() -> None:
    """A tenant who compresses has a reason, and a call to MAAS has a limit."""
    theirs = gzip.compress(SCRIPT * 50_000)
    assert len(made(theirs)) < len(SCRIPT * 50_000) / 20


def test_a_bomb_is_handed_on_unopened(judge: Judge) -> None:
    """What grows beyond all measure is not unpacked here; the system may."""
    bomb = gzip.compress(b"#" * (33 << 20))
    theirs, ours = _leaves(made(bomb))
    assert (theirs.get_content_type(), theirs.get_payload(decode=True)) == ("application/gzip", bomb)
    assert ours.get_payload(decode=True) == OURS
    assert judge.boot(made(bomb))["hostname"] == "web-01"


def test_a_message_that_is_no_utf8_does_not_take_ours_down(judge: Judge) -> None:
    """cloud-init gives up on it alone; beside ours it is junk."""
    theirs = message(("x-shellscript", b"#!/bin/sh\necho hi\n")).replace(b"hi", b"\xe9") + b"\xe9"
    assert judge.parts(theirs) is None
    assert judge.parts(made(theirs)) == [("text/plain", theirs), ("text/cloud-config", OURS)]


KINDS = st.sampled_from([b"#!", b"#cloud-config\n", b"#cloud-boothook", b"## template: jinja\n", b"#part-handler", b""])
PLAIN = st.builds(lambda kind, rest: kind + rest, KINDS, st.binary() | st.text().map(str.encode))
HEAD = st.sampled_from([b"MIME-Version: 1.0\n", b"mime-version:\r", b"Content-Type: multipart/mixed; boundary=x\n"])
MESSY = st.lists(HEAD | st.sampled_from([b"\n", b"\r\n", b"--x\n", b"--x--", b"\r"]) | PLAIN, max_size=6).map(b"".join)
TIDY = st.lists(st.tuples(st.sampled_from(["plain", "x-shellscript"]), st.text().map(str.encode)), max_size=3).map(
    lambda parts: message(*parts)
)
WRITTEN = PLAIN | MESSY | TIDY
TENANT = WRITTEN | WRITTEN.map(gzip.compress) | WRITTEN.map(lambda data: gzip.compress(data) + b"x")


@given(theirs=TENANT)
@example(theirs=b"mime-version:\r")
@example(theirs=b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhalf")
@settings(deadline=None)
def test_the_tenants_data_means_what_it_meant_alone(theirs: bytes, judge: Judge) -> None:
    """cloud-init finds the same parts in it, byte by byte, and ours behind them.

    One byte is not his: alone, `email` drops the last line end of a message that breaks off inside a part.
    """
    alone = judge.parts(theirs)
    found = judge.parts(made(theirs))
    assert found is not None
    assert found[-1] == ("text/cloud-config", OURS)
    if alone is not None and theirs:
        whole = found[:-1]
        cut = [*whole[:-1], *((kind, re.sub(rb"(\r\n|\r|\n)\Z", b"", last)) for kind, last in whole[-1:])]
        assert alone in (whole, cut)


def _leaves(document: bytes) -> list[Message]:
    return [part for part in email.message_from_bytes(document).walk() if not part.is_multipart()]
