"""The user data that MAAS hands to an installed system: the tenant's own and ours, in one document for cloud-init.

MAAS's datasource has no other place for CloudStack's host name, SSH keys and password. What the tenant wrote comes
first and keeps its meaning, whatever kind it is (cloud-init's "user data formats"); ours is a cloud-config behind it,
merged so that his words win and lists grow. It names no image, no network and no disk: MAAS configures those.
"""

import base64
import gzip
import hashlib
import io
import zlib
from typing import Any

import yaml

from bmprov.payload import InstanceRequest
from images.nocloud import password_config

_MERGE = "list(append)+dict(no_replace,recurse_list)+str()"  # cloud-init's "merging user data sections"
_MESSAGE_BYTES = 4096  # cloud-init takes user data for a MIME message when this much of it names MIME's version
_UNPACKED_BYTES = 32 * 2**20
_LINE_CHARS = 76  # RFC 2045 6.8


def cloud_user_data(request: InstanceRequest) -> bytes:
    """What MAAS's `deploy` gets as `user_data`, before its own base64. The same request makes the same bytes.

    It is compressed when the tenant's was, because MAAS limits the size of a call.
    """
    ours = _cloud_config(request)
    told = request.seed.user_data
    if not told:
        return ours
    plain = _unpacked(told)
    if plain is None:
        return _document(_kept("application/gzip", told), ours)
    document = _document(_part_of(plain), ours)
    return document if plain is told else gzip.compress(document, mtime=0)


def _cloud_config(request: InstanceRequest) -> bytes:
    """Ours. The name is told as `fqdn`, so that a tenant's `hostname` and a tenant's `fqdn` each win over it.

    Beside a `hostname` of ours, cloud-init would ignore the short name in his `fqdn`; without an `fqdn` it takes
    MAAS's, which CentOS then prefers. An image that preserves the name it was built with must not.
    """
    config: dict[str, Any] = {
        "fqdn": request.seed.hostname,
        "prefer_fqdn_over_hostname": False,
        "preserve_hostname": False,
    }
    if request.seed.ssh_keys:
        config["ssh_authorized_keys"] = list(request.seed.ssh_keys)
    config |= password_config(request.seed)
    return b"#cloud-config\n" + yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode()


def _unpacked(data: bytes) -> bytes | None:
    """`data` itself when it is not gzip as cloud-init reads it; None when it grows beyond all measure."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            plain = file.read(_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        return data
    return plain if len(plain) <= _UNPACKED_BYTES else None


def _part_of(data: bytes) -> bytes:
    """The tenant's part: a MIME message as it is, with its own parts; all else for cloud-init to find out its kind."""
    if b"mime-version:" in data[:_MESSAGE_BYTES].lower() and _is_utf8(data):
        return data
    return _kept("text/plain", data)


def _is_utf8(data: bytes) -> bool:
    """Whether cloud-init can read it as a message; one that it cannot read would take ours down with it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _document(theirs: bytes, cloud_config: bytes) -> bytes:
    """A message of two parts (RFC 2046 5.1). Its boundary is in neither: it is the digest of both."""
    ours = _kept(
        "text/cloud-config", cloud_config, 'Content-Disposition: attachment; filename="bmprov"', f"Merge-Type: {_MERGE}"
    )
    boundary = f"bmprov-{hashlib.sha256(theirs + ours).hexdigest()[:40]}"
    head = f'Content-Type: multipart/mixed; boundary="{boundary}"\nMIME-Version: 1.0\n'
    between = f"\r\n--{boundary}".encode()  # CR LF, so that a CR at the end of his part stays his
    return head.encode() + between + b"\n" + theirs + between + b"\n" + ours + between + b"--\n"


def _kept(kind: str, data: bytes, *headers: str) -> bytes:
    """A part of which no byte changes on the way."""
    text = base64.b64encode(data).decode()
    lines = [text[at : at + _LINE_CHARS] for at in range(0, len(text), _LINE_CHARS)]
    head = [f"Content-Type: {kind}", "Content-Transfer-Encoding: base64", *headers]
    return "\n".join([*head, "", *lines]).encode()
