"""Downloads that a later run goes on with."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.errors import Conflict, Fatal, Retryable
from images.fetch import Fetcher
from images.partial import Downloads
from tests.images.web import Web, web

IMAGE = hashlib.shake_256(b"an image").digest(3_000_000)
BROKEN_AT = 1_000_000


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as running:
        running.files["/disk.raw"] = IMAGE
        yield running


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "downloads")


def run(downloads: Downloads, site: Web) -> bytes:
    """What one run of a command gets."""
    url = f"{site.url}/disk.raw"
    with downloads.partial(url) as partial:
        found = Fetcher(lambda _: None).fetch(url, partial, lambda _done, _total: None)
        content = downloads.path(url).read_bytes()
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    return content


def run_broken(downloads: Downloads, site: Web) -> None:
    """A run that gets the first bytes and no more."""
    site.breaks = [BROKEN_AT] + [0] * 10
    with pytest.raises(Retryable):
        run(downloads, site)
    site.breaks, site.asked = [], []


def ranges(site: Web) -> list[str]:
    return [asked for _, asked in site.asked]


def test_the_next_run_goes_on(downloads: Downloads, site: Web) -> None:
    """From the byte where the last one was; the hash is of all of it."""
    run_broken(downloads, site)
    assert run(downloads, site) == IMAGE
    assert ranges(site) == [f"bytes={BROKEN_AT}-"]


def test_what_is_whole_is_not_fetched_again(downloads: Downloads, site: Web) -> None:
    """The server is only asked whether it has changed."""
    run(downloads, site)
    site.breaks = [0] * 10
    assert run(downloads, site) == IMAGE
    assert site.statuses_sent[-1] == 304


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_that_changed_between_the_runs_begins_again(downloads: Downloads, site: Web, *, whole: bool) -> None:
    """Whether the old one had arrived or not."""
    if whole:
        run(downloads, site)
    else:
        run_broken(downloads, site)
    site.files["/disk.raw"], site.etag = IMAGE[::-1][:2_000_000], '"two"'
    assert run(downloads, site) == IMAGE[::-1][:2_000_000]


@pytest.mark.parametrize("note", [None, "", "[]", "{}", '{"validator": 1, "total_bytes": "x"}', '{"total_bytes": 5}'])
def test_without_a_sound_note_it_begins_again(downloads: Downloads, site: Web, note: str | None) -> None:
    """What nobody knows anything of is no beginning."""
    run_broken(downloads, site)
    place = downloads.path(f"{site.url}/disk.raw").with_suffix(".json")
    if note is None:
        place.unlink()
    else:
        place.write_text(note)
    assert run(downloads, site) == IMAGE
    assert ranges(site) == [""]


def test_more_bytes_than_there_are_begin_again(downloads: Downloads, site: Web) -> None:
    """Somebody else has written to the file."""
    run_broken(downloads, site)
    with downloads.path(f"{site.url}/disk.raw").open("ab") as file:
        file.write(bytes(len(IMAGE)))
    assert run(downloads, site) == IMAGE


def test_two_runs_do_not_write_to_one_file(downloads: Downloads, site: Web) -> None:
    """The second is told."""
    with downloads.partial(f"{site.url}/disk.raw"), pytest.raises(Conflict, match="is downloading the same"):
        run(downloads, site)


def test_nothing_of_a_url_is_written_down(downloads: Downloads, site: Web) -> None:
    """It may hold a password; and nobody else may read the bytes."""
    site.files["/disk.raw?signature=geheim"] = IMAGE
    url = f"{site.url}/disk.raw?signature=geheim"
    with downloads.partial(url) as partial:
        Fetcher().fetch(url, partial, lambda _done, _total: None)
    folder = downloads.path(url).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert downloads.path(url).stat().st_mode & 0o777 == 0o600
    assert not any("geheim" in path.name or b"geheim" in path.read_bytes() for path in folder.iterdir())


def test_what_is_forgotten_or_abandoned_goes(downloads: Downloads, site: Web) -> None:
    """At once, or after two weeks."""
    run(downloads, site)
    url, other = f"{site.url}/disk.raw", "https://mirror.example/other"
    with downloads.partial(other):
        pass
    downloads.sweep()
    assert downloads.path(other).exists()
    os.utime(downloads.path(other), (0, time.time() - 15 * 86_400))
    downloads.sweep()
    downloads.forget(url)
    assert list(downloads.path(url).parent.iterdir()) == []


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """Is told."""
    (tmp_path / "file").touch()
    with pytest.raises(Fatal, match="is not usable"), Downloads(tmp_path / "file").partial("https://a/b"):
        pass


def test_a_link_in_the_folder_is_not_followed(downloads: Downloads, tmp_path: Path) -> None:
    """Nothing but downloads is written to; a link that leads nowhere does not stop the others."""
    url, victim = "https://mirror.example/disk", tmp_path / "victim"
    victim.write_text("not an image")
    path = downloads.path(url)
    path.parent.mkdir()
    path.symlink_to(victim)
    path.with_suffix(".json").symlink_to(tmp_path / "nowhere")
    downloads.sweep()
    with pytest.raises(Fatal, match="is not usable"), downloads.partial(url) as partial:
        partial.begin(None, "")
    assert victim.read_text() == "not an image"
