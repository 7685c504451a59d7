"""sushy-tools' emulator itself, over libvirt's test driver: a hypervisor in this process, with one domain nobody runs.

Debian's Python starts it, for that has libvirt's binding; all else comes from the folder that is named first:
`sushy_emulator.py SITE-PACKAGES PORT STATE-FILE AUTH-FILE`. After each request it writes to the file what libvirt says:
power, first boot device, and the number of changes asked of libvirt.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import libvirt

SITE_PACKAGES, PORT, STATE, AUTH = sys.argv[1:]
sys.path.append(SITE_PACKAGES)

from sushy_tools.emulator.main import app  # noqa: E402 # the path comes first
from werkzeug.serving import make_server  # noqa: E402 # as above

URI, DOMAIN = "test:///default", "test"


class Watched:
    """The emulator's WSGI application, which also tells the test what became of its domain."""

    def __init__(self) -> None:
        self._hypervisor = libvirt.open(URI)  # as long as it is open, all others see the same domain
        self._domain().destroy()
        app.configure(extra_config={"SUSHY_EMULATOR_LIBVIRT_URI": URI, "SUSHY_EMULATOR_AUTH_FILE": AUTH})
        self._inner = app.wsgi_app
        app.wsgi_app = self
        self._changes = 0
        self._tell()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        answer = list(self._inner(environ, start))
        asked = environ["PATH_INFO"].endswith("ComputerSystem.Reset")
        self._changes += asked
        self._tell()
        return answer

    def _tell(self) -> None:
        power = "on" if self._domain().isActive() else "off"
        _, _, order = self._domain().XMLDesc().partition("<boot order='1'/>")
        first = re.search("</(disk|interface)>", order)
        fresh = Path(STATE).with_suffix(".new")
        fresh.write_text(f"{power} {first[1] if first else 'none'} {self._changes}")
        fresh.replace(STATE)

    def _domain(self) -> libvirt.virDomain:
        return self._hypervisor.lookupByName(DOMAIN)


if __name__ == "__main__":
    Watched()
    make_server("127.0.0.1", int(PORT), app).serve_forever()
