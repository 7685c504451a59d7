"""What a system makes of a network configuration: cloud-init's own renderers, run where there are the NICs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests import debian

_NICS = """
mount -t sysfs sysfs /sys || exit 77
number=0
for mac in $1; do
    number=$((number + 1))
    ip link add enp${number}s0 address $mac type veth peer name far$number || exit 77
done
shift
exec "$@"
"""
_NO_NAMESPACE = 77


def render(config: bytes, macs: Sequence[str], folder: Path, distro: str, renderer: str) -> Path:
    """The root of a system whose NICs have these MACs, with what the renderer has written for it."""
    program, ip = debian.program("cloud-init", "cloud-init"), debian.program("ip", "iproute2")
    file, root = folder / "network-config", folder / "root"
    file.write_bytes(config)
    told = ["-p", str(file), "-k", "yaml", "-d", str(root), "-D", distro, "-O", renderer]
    own = [*debian.own_network(), "--mount", "sh", "-c", _NICS.replace("ip link", f"{ip} link"), "sh", " ".join(macs)]
    done = subprocess.run(
        [*own, program, "devel", "net-convert", *told], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode == _NO_NAMESPACE:
        debian.missing("a network namespace with a /sys of its own", f"run as root ({done.stderr.strip()})")
    assert done.returncode == 0, done.stderr
    return root


def lines(root: Path, *having: str) -> list[str]:
    """The lines of the one file below `root` that has all of these."""
    texts = [path.read_text() for path in sorted(root.rglob("*")) if path.is_file()]
    found = [text.splitlines() for text in texts if set(having) <= set(text.splitlines())]
    assert len(found) == 1, (having, len(found), "\n".join(texts))
    return found[0]
