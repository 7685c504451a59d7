"""cloud-init itself, asked what it makes of data for an instance."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests import debian


class Judge:
    """The process of `cloud_init.py`."""

    def __init__(self) -> None:
        debian.program("cloud-init", "cloud-init")
        script = Path(__file__).with_name("cloud_init.py")
        self._process = subprocess.Popen(
            ["/usr/bin/python3", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def boot(self, data: bytes) -> dict[str, Any]:
        """What a system has of it."""
        found = self._ask("boot ", data)
        assert "error" not in found, found
        return found

    def parts(self, data: bytes) -> list[tuple[str, bytes]] | None:
        """What cloud-init finds in it; a kind that it does not know is a plain text. None when it gives up."""
        found = self._ask("", data).get("parts")
        if found is None:
            return None
        return [(kind.replace("x-not-multipart", "plain"), base64.b64decode(part)) for kind, part in found]

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, word: str, data: bytes) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word} {base64.b64encode(data).decode()}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found
