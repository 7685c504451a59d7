"""What goes into the installed system: host name, SSH keys, user data, password.

CloudStack's documentation says that user data and keys are not supported for external instances, but the payload has
them: keys in `cloudstack.vm.details.details["SSH.PublicKey"]`, all else in `vmData`, which is `[directory, file,
content]` as the virtual router's metadata.
"""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field

from bmprov.errors import Invalid
from bmprov.payload.reading import Reader

USER_DATA_LIMIT_BYTES = 2**20
_LABEL_LIMIT = 63


@dataclass(frozen=True)
class Seed:
    """The first data of an installed system. Its repr shows no secret."""

    hostname: str
    ssh_keys: tuple[str, ...] = ()
    user_data: bytes | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def parse_seed(instance: Reader, hostname: str) -> Seed:
    """The seed in `cloudstack.vm.details`.

    Raises:
        Invalid: the user data is over 1 MiB, or `vmData` is not what CloudStack writes.
    """
    data = _vm_data(instance)
    keys = instance.object("details").raw("SSH.PublicKey") or data.get("metadata/public-keys") or ""
    if not isinstance(keys, str):
        raise Invalid(
            f"the payload's '{instance.key('details.SSH.PublicKey')}' is not a text", "choose the key pair again"
        )
    return Seed(
        hostname=hostname,
        ssh_keys=tuple(key for line in keys.splitlines() if (key := line.strip())),
        user_data=_user_data(data.get("userdata/user_data")),
        password=data.get("password/vm_password") or None,
    )


def host_name(*names: str | None) -> str:
    """The first of `names` that can be made a host name (RFC 1123: letters, digits, hyphens, 63 at most).

    Accents are dropped, anything else that does not fit becomes a hyphen.
    """
    for name in names:
        plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode().lower()
        label = re.sub(r"[^a-z0-9]+", "-", plain)[:_LABEL_LIMIT].strip("-")
        if label:
            return label
    return "instance"


def _vm_data(instance: Reader) -> dict[str, str]:
    rows = instance.raw("vmData")
    if rows is None:
        return {}
    if not isinstance(rows, list):
        raise Invalid(f"the payload's '{instance.key('vmData')}' is not a list", "it must be what CloudStack wrote")
    data = {}
    for row in rows:
        match row:
            case [str(folder), str(file), str(content)]:
                data[f"{folder}/{file}"] = content
            case [str(), str(), None]:
                pass
            case _:
                raise Invalid(f"a row of the payload's '{instance.key('vmData')}' is not [directory, file, content]")
    return data


def _user_data(text: str | None) -> bytes | None:
    """User data as the instance shall see it; base64, or what somebody wrote in the clear."""
    if not text:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        data = text.encode("utf-8", "surrogatepass")
    if len(data) > USER_DATA_LIMIT_BYTES:
        raise Invalid(
            f"the user data has {len(data)} bytes", f"at most {USER_DATA_LIMIT_BYTES} are taken; fetch more from within"
        )
    return data
