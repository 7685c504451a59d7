"""Debian's Chromium, headless, driven by Playwright."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, sync_playwright

from tests import debian

_CONNECTION = "Failed to load resource: net::ERR_"
_MISSING = "404 (NOT FOUND)"
_REFUSED = "401 (UNAUTHORIZED)"
_SECOND = "409 (CONFLICT)"  # as the second of two people is told


@contextmanager
def browser(
    certificate: Path, *, cut_off: bool = False, missing: bool = False, refused: bool = False
) -> Iterator[Callable[..., Page]]:
    """Opens pages, each as somebody else's; its arguments are those of Playwright's `new_context`.

    It believes our own certificate, which no authority has signed: whose it is, is told. What a page complains of on
    its console is an error, but for its connections, where a test means to cut them off, for what is `missing` where a
    test means to look at that page, and for what is `refused` where a test ends somebody's session.
    """
    program = debian.program("chromium", "chromium")
    pinned = f"--ignore-certificate-errors-spki-list={spki(certificate)}"
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", pinned])

        def opened(**context: Any) -> Page:  # noqa: ANN401 - handed on
            page = chromium.new_context(**context).new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            return page

        try:
            yield opened
        finally:
            chromium.close()
    meant = [
        words for words, on in ((_CONNECTION, cut_off), (_MISSING, missing), (_REFUSED, refused), (_SECOND, True)) if on
    ]
    wrong = [said for said in complaints if not any(words in said for words in meant)]
    assert not wrong, wrong


def spki(certificate: Path) -> str:
    """The hash of its public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
