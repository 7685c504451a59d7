"""Debian's Chromium, headless, driven by Playwright."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, sync_playwright

from tests import debian


@contextmanager
def page(certificate: Path, **context: object) -> Iterator[Page]:
    """A page of a new browser. It believes our own certificate, which no authority has signed: whose it is, is told.

    `context` is what Playwright's `new_context` takes. What the page complains of on its console is an error.
    """
    program = debian.program("chromium", "chromium")
    pinned = f"--ignore-certificate-errors-spki-list={spki(certificate)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", pinned])
        opened = browser.new_context(**context).new_page()  # type: ignore[arg-type] # handed on
        complaints: list[str] = []
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield opened
        finally:
            browser.close()
        assert not complaints, complaints


def spki(certificate: Path) -> str:
    """The hash of its public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
