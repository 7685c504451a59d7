"""The agent and the part of Python that it needs, compiled, in the initramfs.

Which modules those are is asked of the Python that is going to run it: it imports the agent and says what it read.
"""

import shutil
import subprocess
from pathlib import Path

from bmprov.errors import Fatal
from images.ramdisk.programs import Root

AGENT = Path(__file__).with_name("agent")

_LIST = """
import sys
sys.path.insert(0, sys.argv[1])
import agent.__main__
for module in list(sys.modules.values()):
    if path := getattr(module, "__file__", None):
        print(path)
"""
_COMPILE = """
import compileall, sys
sys.exit(not compileall.compile_dir(sys.argv[1], quiet=1, legacy=True, stripdir=sys.argv[2]))
"""
_DEADLINE_S = 120


def copy_agent(root: Root, into: Path) -> None:
    """Copy the interpreter, the modules that the agent imports, and the agent itself, as byte code."""
    python = _interpreter(root)
    files = {Path(line) for line in _run(root, python, _LIST, str(AGENT.parent)).split("\n") if line}
    modules = [path for path in files if path.is_file() and path.is_relative_to(root.path)]
    for path in modules:
        target = into / path.relative_to(root.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    root.copy([python, *(path for path in modules if path.suffix == ".so")], into)
    agent = into / "agent"
    shutil.copytree(AGENT, agent, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (into / "usr" / "lib" / python.name, agent):
        _run(root, python, _COMPILE, str(folder), str(into))
        for source in folder.rglob("*.py"):
            source.unlink()
    (into / "usr" / "bin" / "python3").symlink_to(python.name)


def _interpreter(root: Root) -> Path:
    found = sorted(path for path in (root.path / "usr" / "bin").glob("python3.*") if path.name[8:].isdigit())
    if not found:
        raise Fatal("the packages have no Python", "look at the release of this host's archives")
    return found[-1]


def _run(root: Root, python: Path, code: str, *arguments: str) -> str:
    command = root.command(python, "-B", "-S", "-s", "-c", code, *arguments)
    environment = {"PYTHONHOME": str(root.path / "usr"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False, env=environment)
    if done.returncode:
        raise Fatal(f"the ramdisk's Python failed ({done.stderr.strip()[-300:]})", "build on Debian 12")
    return done.stdout
