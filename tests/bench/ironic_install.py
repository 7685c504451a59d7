"""OpenStack Ironic from PyPI, in a virtual environment of its own beside the project's, made once and kept."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import BenchError

VERSION = "39.0.0"
REQUIREMENTS = (f"ironic=={VERSION}", "PyMySQL==1.2.*", "gunicorn==27.*")
VENV = Path(__file__).resolve().parents[2] / ".venv-ironic"


@dataclass(frozen=True)
class Installation:
    """Where Ironic's commands are."""

    bin: Path

    def command(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.bin / name)


def install_ironic(venv: Path = VENV) -> Installation:
    """Ironic, installed on the first call (about a minute and 400 MB); later calls find it by its stamp."""
    stamp = venv / ".ready"
    wanted = "\n".join(REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted:
        # `--clear`, because an installation that was interrupted has no stamp and may lack anything.
        _run(sys.executable, "-m", "venv", "--clear", str(venv))
        _run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS)
        stamp.write_text(wanted)
    return Installation(venv / "bin")


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise BenchError(f"'{' '.join(command)}' failed: {done.stdout[-2000:]}")
