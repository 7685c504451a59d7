"""The disks and certificates of the host that the API runs on."""

import os
from pathlib import Path

from cryptography import x509

from bmprov.health.facts import Certificate, Disk


def disk(what: str, path: Path) -> Disk:
    """The file system that a folder is on."""
    try:
        told = os.statvfs(path)
    except OSError as error:
        return Disk(what, path, error=error.strerror or str(error))
    # what only root may still write is not free to us
    return Disk(what, path, told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize, told.f_files, told.f_favail)


def certificate(what: str, path: Path) -> Certificate:
    """When the first certificate of a PEM file ends."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        return Certificate(what, path, error=error.strerror or str(error))
    except ValueError:
        return Certificate(what, path, error="it is no certificate in PEM")
    return Certificate(what, path, found.not_valid_after_utc.timestamp())
