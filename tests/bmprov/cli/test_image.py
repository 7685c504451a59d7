"""`bmprov image add` and `build`: real disks, a real server that breaks off, a running service."""

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmprov.cli import building
from images.ramdisk import packages
from images.system import debian as debian_system
from images.system import tiny
from tests import debian
from tests.bmprov.cli.conftest import Said
from tests.images.signer import Signer
from tests.images.web import Web, web
from tests.trees import tree_sha512

Call = Callable[..., Said]
NAME = "under-test"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bmprov" / "downloads"


@pytest.fixture
def call(bmprov: Call, cache: Path) -> Iterator[Call]:  # noqa: ARG001 - no test writes to the user's own
    yield bmprov
    bmprov("image", "remove", NAME)


@pytest.fixture(scope="module")
def site() -> Iterator[Web]:
    with web() as running:
        yield running


@pytest.fixture(scope="module")
def raw_digest(tiny_image: Path) -> str:
    return tree_sha512(tiny_image.read_bytes())


@pytest.fixture(scope="module")
def qcow2(tiny_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny system as it would be published."""
    return converted(tiny_image, tmp_path_factory.mktemp("qcow2") / "disk.qcow2", "qcow2", "-c")


@pytest.fixture
def published(site: Web, qcow2: Path) -> str:
    """Its URL."""
    site.files, site.asked, site.breaks, site.statuses = {"/disk.qcow2": qcow2.read_bytes()}, [], [], []
    return f"{site.url}/disk.qcow2"


def converted(raw: Path, to: Path, kind: str, *options: str) -> Path:
    qemu_img = debian.program("qemu-img", "qemu-utils")
    subprocess.run([qemu_img, "convert", "-f", "raw", "-O", kind, *options, raw, to], check=True, capture_output=True)
    return to


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("qcow2", ["-c"]),
        ("vmdk", ["-o", "subformat=streamOptimized"]),
        ("vhdx", []),
        ("vpc", ["-o", "force_size=on"]),
    ],
)
def test_every_format_becomes_the_same_disk(
    call: Call, tiny_image: Path, raw_digest: str, tmp_path: Path, kind: str, options: list[str]
) -> None:
    """By the digest that the service computes of what will be on a machine's disk; what boots is told."""
    file = converted(tiny_image, tmp_path / "disk", kind, *options)
    said = call("image", "add", NAME, file, "--sha256", digest(file), "--json")
    assert said.code == 0, said.err
    assert (said.json["raw_tree_sha512"], said.json["format"]) == (raw_digest, "raw.zst")
    assert (said.json["boot_modes"], said.json["arch"], said.json["layout"]) == (["bios", "uefi"], "x86_64", "gpt")
    assert said.json["min_disk_bytes"] == tiny_image.stat().st_size + 18 * 2**20
    assert call("image", "add", NAME, file, "--format", kind).code == 0


def test_what_is_known_of_an_image_is_told(call: Call, qcow2: Path) -> None:
    """When it is added, in the list, and alone."""
    added = call("image", "add", NAME, qcow2).out
    assert "it boots by bios, uefi (x86_64, gpt) on disks from 0.2 GiB" in added
    line = next(line for line in call("image", "list").out.splitlines() if line.startswith(NAME))
    assert line.split()[1:7] == ["x86_64", "bios,", "uefi", "gpt", "0.2", "GiB"]
    shown = " ".join(call("image", "show", NAME).out.split())
    for part in (
        "layout gpt",
        "boots by bios, uefi",
        "architecture x86_64",
        "smallest disk 0.2 GiB (119537664 bytes)",
    ):
        assert part in shown
    assert "remark its layout is unknown" in " ".join(call("image", "show", "demo").out.split())


def test_a_download_that_breaks_off_goes_on(
    call: Call, site: Web, published: str, qcow2: Path, raw_digest: str, cache: Path
) -> None:
    """By itself, and when the server gives up for good, in the next run; nothing is left of it in the end."""
    site.breaks, site.statuses = [1_000_000], [200, 404]
    given_up = call("image", "add", NAME, published, "--sha256", digest(qcow2))
    assert (given_up.code, "404" in given_up.err) == (1, True)
    site.asked.clear()
    said = call("image", "add", NAME, published, "--sha256", digest(qcow2))
    assert said.code == 0, said.err
    assert said.err == "going on with the download after 976.6 KiB\n"
    assert [asked for _, asked in site.asked] == ["bytes=1000000-"]
    assert call("image", "show", NAME, "--json").json["raw_tree_sha512"] == raw_digest
    assert list(cache.iterdir()) == []


def test_a_download_that_is_whole_waits_for_the_service(call: Call, site: Web, published: str, qcow2: Path) -> None:
    """When it could not be sent, it is not fetched again."""
    add = ("image", "add", NAME, published, "--sha256", digest(qcow2))
    assert call(*add, "--endpoint", "https://127.0.0.1:1", "--token", "t").code == 1
    assert call(*add).code == 0
    assert site.statuses_sent[-1] == 304


def test_a_download_that_is_not_what_was_promised_goes(call: Call, published: str, cache: Path) -> None:
    """Nothing of it is kept, here or there."""
    said = call("image", "add", NAME, published, "--sha256", "0" * 64)
    assert (said.code, said.out) == (1, "")
    assert "and not 0000" in said.err
    assert list(cache.iterdir()) == []
    assert call("image", "show", NAME).code == 1


def test_what_could_be_exchanged_is_not_fetched(call: Call, site: Web, published: str) -> None:
    """Over plain HTTP, without a checksum or a key; what to give is said."""
    said = call("image", "add", NAME, published)
    assert (said.code, site.asked) == (1, [])
    assert "could be exchanged on its way: give --sha256, --gpg-key, or an https:// address" in said.err


def test_a_signed_checksum_file_is_enough(call: Call, site: Web, published: str, qcow2: Path, tmp_path: Path) -> None:
    """The signature beside it is found; another's is refused."""
    sums = f"{digest(qcow2)}  disk.qcow2\n".encode()
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:  # GnuPG's socket wants a short path
        maker = Signer(Path(folder) / "a")
        site.files |= {"/SHA256SUMS": sums, "/SHA256SUMS.gpg": maker("--detach-sign", feed=sums)}
        key = shutil.copy2(maker.armoured, tmp_path / "key.asc")
        maker.close()
    add = ("image", "add", NAME, published, "--checksums", f"{site.url}/SHA256SUMS", "--gpg-key", key)
    said = call(*add)
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "the checksum file names it"
    assert said.out.splitlines()[1].startswith("the checksum file is signed by ")
    site.files["/SHA256SUMS"] = sums + b"\n"
    assert "the signature does not verify" in call(*add).err


def test_files_that_are_no_images_are_refused_here(call: Call, qcow2: Path, tmp_path: Path) -> None:
    """Before anything is sent, with what to do."""
    packed, overlay = tmp_path / "disk.img.gz", tmp_path / "overlay.qcow2"
    packed.write_bytes(gzip.compress(b"a disk"))
    create = [debian.program("qemu-img", "qemu-utils"), "create", "-f", "qcow2", "-F", "qcow2", "-b", qcow2, overlay]
    subprocess.run(create, check=True, capture_output=True)
    for file, options, says in (
        (packed, (), "this is a gzip file and not a raw disk image: unpack it first"),
        (overlay, (), "this qcow2 is the difference to a backing file: make one file of it"),
        (qcow2, ("--format", "vmdk"), "this is no vmdk file: leave --format out"),
        (qcow2, ("--format", "raw"), "this is a qcow2 file and not a raw disk image"),
        ("ftp://mirror.example/disk.raw", (), "cannot be read (No such file or directory): a URL begins with http://"),
    ):
        said = call("image", "add", NAME, file, *options)
        assert (said.code, said.out) == (1, "")
        assert says in said.err
        assert len(said.err.splitlines()) == 1
    assert call("image", "show", NAME).code == 1


def test_a_system_is_packed_when_its_name_says_so(
    bare: Call, tiny_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what `image add` would send; nothing else is left."""
    monkeypatch.setattr(tiny, "build", lambda out, _say: shutil.copy(tiny_image, out))
    said = bare("image", "build", "tiny", tmp_path / "tiny.raw.zst")
    assert said.code == 0, said.err
    zstd = debian.program("zstd", "zstd")
    unpacked = subprocess.run([zstd, "-dcq", tmp_path / "tiny.raw.zst"], check=True, capture_output=True).stdout
    assert unpacked == tiny_image.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.raw.zst"]


def test_what_building_needs_is_said(bare: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence each: a folder, root, Debian's tools, this architecture."""
    file = tmp_path / "image.raw"
    assert "there is no folder" in bare("image", "build", "tiny", tmp_path / "none" / "x.raw").err
    assert "is a folder: give the name of a file" in bare("image", "build", "tiny", tmp_path).err
    assert bare("image", "build", "plan9", file).code == 2
    monkeypatch.setattr(debian_system.os, "geteuid", lambda: 1000)
    refused = bare("image", "build", "debian-12", file)
    assert (refused.code, "a Debian image is built by root" in refused.err) == (1, True)
    monkeypatch.setattr(packages, "_environment", lambda: {"PATH": "/nowhere"})
    for build in (("build", "tiny", file), ("build-ramdisk", "--into", tmp_path / "ramdisk")):
        lacking = bare("image", *build)
        assert lacking.code == 1
        assert "apt-cache is missing: build on Debian or Ubuntu" in lacking.err
    monkeypatch.setattr(building.platform, "machine", lambda: "aarch64")
    assert "this host is aarch64" in bare("image", "build", "tiny", file).err
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_ramdisk_goes_where_the_settings_say(bare: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `--data`'s `up`, else the host's; without any, the settings are what is missing."""
    monkeypatch.setattr(packages, "_environment", lambda: {"PATH": "/nowhere"})
    (tmp_path / "bmprov.toml").write_text(f'images = "{tmp_path}/here"\n')
    assert "apt-cache is missing" in bare("image", "build-ramdisk", "--data", tmp_path).err
    assert (tmp_path / "here" / "ramdisk").is_dir()
    assert "the settings file" in bare("image", "build-ramdisk", "--config", tmp_path / "none.toml").err
    (tmp_path / "file").touch()
    assert "is not usable (Not a directory)" in bare("image", "build-ramdisk", "--into", tmp_path / "file" / "x").err
