"""Whether an image is what its maker published: checksums from a file beside it, and who signed them.

The chain is key - signature - checksum file - image, or key - signature - image. What is fetched over plain HTTP proves
nothing by itself.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bmprov.errors import Invalid
from images import signature
from images.checksums import Digests, checksum_of
from images.fetch import Fetcher, is_url, shown

_SUFFIXES = (".sig", ".asc", ".gpg", ".sign")
_LARGEST_BYTES = 2**20


@dataclass(frozen=True)
class Evidence:
    """What the operator has given to check an image by; `checksums` and `signature` are URLs or files' names."""

    sha256: str | None = None
    checksums: str | None = None
    gpg_key: Path | None = None
    signature: str | None = None

    def suffices(self, source: str) -> bool:
        """Whether an image from there cannot have been exchanged on its way without anybody noticing."""
        plain = source.startswith("http://")
        told = self.checksums is not None and not self.checksums.startswith("http://")
        return not plain or told or bool(self.sha256 or self.gpg_key)


def require(source: str, evidence: Evidence) -> None:
    """Refuse before anything is fetched what could not be trusted afterwards.

    Raises:
        Invalid: the image comes over plain HTTP and nothing says what it must be; or a signature has no key.
    """
    if not evidence.suffices(source):
        raise Invalid(
            f"{shown(source)} could be exchanged on its way", "give --sha256, --gpg-key, or an https:// address"
        )
    if evidence.signature and not evidence.gpg_key:
        raise Invalid("a signature proves nothing without a key", "give the maker's key with --gpg-key")


def prove(source: str, path: Path, digests: Digests, evidence: Evidence, fetcher: Fetcher) -> list[str]:
    """Hold an image at `path`, which came from `source`, against the evidence. What was found, in sentences.

    Raises:
        Invalid: it is not what it should be (`Mismatch`), or the evidence is not to be had.
    """
    found: list[str] = []
    if evidence.sha256:
        digests.check(evidence.sha256)
        found.append("the SHA-256 is the one that was given")
    if evidence.checksums:
        text, signer = _checksum_file(evidence, fetcher)
        digests.check(checksum_of(name_of(source), text))
        found.append("the checksum file names it")
        if signer:
            return [*found, f"the checksum file is signed by {signer}"]
    if evidence.gpg_key:
        made = _signature(evidence.signature, source, fetcher)
        found.append(f"it is signed by {signature.verify(_read(str(evidence.gpg_key)), made, path)}")
    return found


def name_of(source: str) -> str:
    """The file name at the end of a URL or a path."""
    return unquote(urlsplit(source).path).rpartition("/")[2] if is_url(source) else Path(source).name


def _checksum_file(evidence: Evidence, fetcher: Fetcher) -> tuple[str, str]:
    """The text of the checksum file, and who signed it, if anybody and if there is a key to know."""
    place = evidence.checksums or ""
    content = _get(place, fetcher)
    if content is None:
        raise Invalid(f"there is no checksum file at {place}", "look at the URL")
    signer = ""
    if evidence.gpg_key:
        key = _read(str(evidence.gpg_key))
        if signature.is_clearsigned(content):
            content, signer = signature.verified_text(key, content)
        elif not _beside_the_image(evidence, place):
            signer = signature.verify_bytes(key, _signature(evidence.signature, place, fetcher), content)
    return content.decode(errors="replace"), signer


def _beside_the_image(evidence: Evidence, checksums: str) -> bool:
    """Whether the signature that was named is the image's and not the checksum file's."""
    return evidence.signature is not None and not name_of(evidence.signature).startswith(name_of(checksums))


def _signature(named: str | None, signed: str, fetcher: Fetcher) -> bytes:
    """The detached signature of what lies at `signed`: the one that was named, or one beside it."""
    places = [named] if named else [f"{signed}{suffix}" for suffix in _SUFFIXES]
    for place in places:
        if (content := _get(place, fetcher)) is not None:
            return content
    raise Invalid(f"there is no signature beside {name_of(signed)}", f"looked for {', '.join(map(name_of, places))}")


def _get(place: str, fetcher: Fetcher) -> bytes | None:
    if is_url(place):
        return fetcher.small(place)
    return _read(place) if Path(place).exists() else None


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{name} cannot be read ({error.strerror})", "look at its name and its owner") from error
    if len(content) > _LARGEST_BYTES:
        raise Invalid(f"{name} is larger than {_LARGEST_BYTES} bytes", "it is no key, signature or checksum file")
    return content
