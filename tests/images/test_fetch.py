"""Fetching from a real server that breaks off, and proving what came with real keys."""

import hashlib
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Fatal, Invalid, Retryable
from images.checksums import Digests, checksum_of, digests
from images.fetch import Fetcher, shown
from images.partial import Partial
from images.provenance import Evidence, prove, require
from tests import debian
from tests.images.signer import Signer
from tests.images.web import Web, web

IMAGE = hashlib.shake_256(b"an image").digest(3_000_000)  # the same in every process of pytest-xdist
SHA256, SHA512 = hashlib.sha256(IMAGE).hexdigest(), hashlib.sha512(IMAGE).hexdigest()


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as running:
        running.files["/a/disk.raw"] = IMAGE
        yield running


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def fetcher(naps: list[float]) -> Iterator[Fetcher]:
    made = Fetcher(naps.append)
    yield made
    made.close()


def nobody(_done: int, _total: int | None) -> None:
    """Who does not want to know how far it is."""


def fetch(fetcher: Fetcher, site: Web) -> bytes:
    """The image, after its hashes have been held against it."""
    file = io.BytesIO()
    found = fetcher.fetch(f"{site.url}/a/disk.raw", Partial(file), nobody)
    assert found == digests(io.BytesIO(file.getvalue()))
    return file.getvalue()


def test_what_broke_off_goes_on(site: Web, fetcher: Fetcher, naps: list[float]) -> None:
    """From the byte where it was, with pauses, and the hash is of all of it."""
    site.breaks = [1_000_000, 500_000]
    assert fetch(fetcher, site) == IMAGE
    ranges = [asked for _, asked in site.asked]
    assert ranges[0] == ""
    assert [ranges[1], ranges[2]] == ["bytes=1000000-", "bytes=1500000-"]
    assert naps == [1.0, 1.0]


def test_a_file_that_changed_meanwhile_begins_again(site: Web, fetcher: Fetcher) -> None:
    """Halves of two files are never put together."""
    site.breaks = [1_000_000]
    other = IMAGE[::-1]

    def change(_: float) -> None:
        site.files["/a/disk.raw"], site.etag = other, '"two"'

    fetcher._sleep = change
    assert fetch(fetcher, site) == other


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_it_begins_again(site: Web, fetcher: Fetcher, etag: str) -> None:
    """RFC 9110, 13.1.5."""
    site.etag, site.breaks = etag, [1_000_000]
    assert fetch(fetcher, site) == IMAGE
    assert {asked for _, asked in site.asked} == {""}


def test_a_server_that_sends_another_range_is_not_believed(site: Web, fetcher: Fetcher) -> None:
    """All of it is fetched anew."""
    site.breaks, site.lies_about_ranges = [1_000_000], True
    assert fetch(fetcher, site) == IMAGE


def test_it_gives_up(site: Web, fetcher: Fetcher, naps: list[float]) -> None:
    """When nothing more comes, several times."""
    site.breaks = [0] * 20
    with pytest.raises(Retryable, match="cannot be fetched"):
        fetch(fetcher, site)
    assert naps == [1, 2, 4, 8, 16]


def test_a_busy_server_is_asked_again(site: Web, fetcher: Fetcher) -> None:
    """503 and 429 are moments."""
    site.statuses = [503, 429]
    assert fetch(fetcher, site) == IMAGE


@pytest.mark.parametrize(("status", "says"), [(404, "404 Not Found: look at the URL"), (401, "401 Unauthorized")])
def test_a_refusal_is_told_at_once(site: Web, fetcher: Fetcher, naps: list[float], status: int, says: str) -> None:
    """In the server's words."""
    site.statuses = [status]
    with pytest.raises(Fatal, match=says):
        fetch(fetcher, site)
    assert naps == []


def test_bounds(site: Web) -> None:
    """More bytes than allowed, a server that is not there, and one that leads in circles."""
    with pytest.raises(Fatal, match="has 3000000 bytes: at most 1000"):
        fetch(Fetcher(lambda _: None, max_bytes=1000), site)
    with pytest.raises(Retryable, match="cannot be fetched"):
        Fetcher(lambda _: None).fetch("http://127.0.0.1:1/x", Partial(io.BytesIO()), nobody)
    with pytest.raises(Fatal, match="larger than 1048576 bytes"):
        Fetcher().small(f"{site.url}/a/disk.raw")
    site.leads_to = "/a/disk.raw"
    with pytest.raises(Fatal, match="leads on and on"):
        fetch(Fetcher(), site)
    with pytest.raises(Invalid, match="is no URL"):
        Fetcher().small("http://127.0.0.1:port/")


def test_secrets_of_a_url_are_not_shown() -> None:
    """Neither the password nor a signed query."""
    assert shown("https://user:geheim@host:8443/a.raw?signature=abc") == "https://host:8443/a.raw"


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA256}  disk.raw\n{'0' * 64}  other.raw\n",
        f"{SHA256} *./disk.raw\r\n",
        f"SHA256 (disk.raw) = {SHA256.upper()}\n",
        f"# disk.raw: 12 bytes\nSHA256 (other) = {'0' * 64}\nSHA512 (disk.raw) = {SHA512}\n",
        f"{SHA512}  disk.raw\n{SHA256}  disk.raw\n",
        SHA256,
    ],
)
def test_checksum_files(text: str) -> None:
    """Coreutils' and BSD's; the longer of two checksums; a lone checksum."""
    Digests(SHA256, SHA512).check(checksum_of("disk.raw", text))


def test_checksum_files_of_the_real_tool(tmp_path: Path) -> None:
    """sha256sum and sha512sum, plain, tagged, and with a name that they escape."""
    name = "a\nstrange\\name"
    (tmp_path / name).write_bytes(IMAGE)
    for options in (["sha256sum"], ["sha512sum"], ["sha256sum", "--tag"], ["sha512sum", "--binary"]):
        text = subprocess.run([*options, name], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        Digests(SHA256, SHA512).check(checksum_of(name, text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no SHA-256 and no SHA-512 of 'disk.raw': it names: none"),
        (f"{SHA256}  other.raw", "it names: other.raw"),
        (f"{SHA256}  disk.raw\n{'0' * 64}  disk.raw", "several checksums"),
        ("d41d8cd98f00b204e9800998ecf8427e  disk.raw", "no SHA-256"),
    ],
)
def test_checksum_files_that_say_nothing(text: str, says: str) -> None:
    """Are refused with what they name."""
    with pytest.raises(Invalid, match=says):
        checksum_of("disk.raw", text)


@given(text=st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a checksum or a refusal."""
    try:
        assert len(checksum_of("disk.raw", text)) in (64, 128)
    except Invalid as error:
        assert error.check  # noqa: PT017 - the refusal is one of two good outcomes


@pytest.fixture(scope="module")
def signers() -> Iterator[tuple[Signer, Signer]]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:  # GnuPG's socket wants a short path
        made = Signer(Path(folder) / "a"), Signer(Path(folder) / "b")
        yield made
        for one in made:
            one.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "disk.raw").write_bytes(IMAGE)
    return tmp_path / "disk.raw"


FOUND = Digests(SHA256, SHA512)


def test_a_signed_checksum_file(site: Web, fetcher: Fetcher, signers: tuple[Signer, Signer], image: Path) -> None:
    """The chain of key, signature, checksums and image; another's key breaks it, and so does a changed file."""
    maker, other = signers
    sums = f"{SHA256}  disk.raw\n".encode()
    site.files["/a/SHA256SUMS"] = sums
    site.files["/a/SHA256SUMS.gpg"] = maker("--detach-sign", feed=sums)
    source, checksums = f"{site.url}/a/disk.raw", f"{site.url}/a/SHA256SUMS"
    for key in (maker.key, maker.armoured):
        said = prove(source, image, FOUND, Evidence(checksums=checksums, gpg_key=key), fetcher)
        assert "the checksum file is signed by" in said[1]
    with pytest.raises(Invalid, match="the signature does not verify"):
        prove(source, image, FOUND, Evidence(checksums=checksums, gpg_key=other.key), fetcher)
    site.files["/a/SHA256SUMS"] = sums + b"\n"
    with pytest.raises(Invalid, match="the signature does not verify"):
        prove(source, image, FOUND, Evidence(checksums=checksums, gpg_key=maker.key), fetcher)


@pytest.mark.parametrize(("suffix", "options"), [(".sig", []), (".asc", ["--armor"])])
def test_a_signed_image(
    fetcher: Fetcher, signers: tuple[Signer, Signer], image: Path, suffix: str, options: list[str]
) -> None:
    """Its signature lies beside it."""
    evidence = Evidence(gpg_key=signers[0].armoured)
    with pytest.raises(Invalid, match=r"there is no signature beside disk\.raw: looked for disk\.raw\.sig"):
        prove(str(image), image, FOUND, evidence, fetcher)
    Path(f"{image}{suffix}").write_bytes(signers[0](*options, "--detach-sign", feed=IMAGE))
    assert "it is signed by" in prove(str(image), image, FOUND, evidence, fetcher)[0]
    image.write_bytes(IMAGE[:-1])
    with pytest.raises(Invalid, match="BAD signature"):
        prove(str(image), image, FOUND, evidence, fetcher)


def test_checksums_that_carry_their_signature(fetcher: Fetcher, signers: tuple[Signer, Signer], image: Path) -> None:
    """Only what is inside the signed part counts."""
    checksums = image.parent / "CHECKSUM"
    signed = signers[0]("--clearsign", feed=f"SHA256 (other) = {SHA256}\n".encode())
    checksums.write_bytes(signed + f"\nSHA256 (disk.raw) = {SHA256}\n".encode())
    evidence = Evidence(checksums=str(checksums), gpg_key=signers[0].key)
    with pytest.raises(Invalid):
        prove(str(image), image, FOUND, evidence, fetcher)
    checksums.write_bytes(signers[0]("--clearsign", feed=f"SHA256 (disk.raw) = {SHA256}\n".encode()))
    assert len(prove(str(image), image, FOUND, evidence, fetcher)) == 2


def test_a_key_file_that_is_none(fetcher: Fetcher, image: Path) -> None:
    """Is told, as is one that is not there."""
    debian.program("gpgv", "gpgv")
    Path(f"{image}.sig").write_bytes(b"no signature")
    key = image.parent / "key"
    for content in (b"rubbish", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", b""):
        key.write_bytes(content)
        with pytest.raises(Invalid, match=r"does not verify|holds no public key"):
            prove(str(image), image, FOUND, Evidence(gpg_key=key), fetcher)
    with pytest.raises(Invalid, match="cannot be read"):
        prove(str(image), image, FOUND, Evidence(gpg_key=image.parent / "none"), fetcher)


def test_what_could_be_exchanged_is_refused_before_it_is_fetched() -> None:
    """Plain HTTP needs a checksum that did not come the same way, or a key."""
    plain, key = "http://mirror/disk.raw", Path("key")
    for evidence in (Evidence(), Evidence(checksums="http://mirror/SHA256SUMS")):
        with pytest.raises(Invalid, match="could be exchanged"):
            require(plain, evidence)
    for evidence in (Evidence(sha256=SHA256), Evidence(gpg_key=key), Evidence(checksums="https://mirror/SHA256SUMS")):
        require(plain, evidence)
    require("https://mirror/disk.raw", Evidence())
    require("disk.raw", Evidence())
    with pytest.raises(Invalid, match="nothing without a key"):
        require("disk.raw", Evidence(signature="disk.raw.sig"))
