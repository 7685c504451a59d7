"""Enough of iPXE to follow the scripts that bmprov renders; a command that it does not know is an error, as in iPXE."""

import re

_KNOWN = frozenset({"echo", "set", "kernel", "initrd", "boot", "inc", "iseq", "goto", "imgfree", "sleep", "reboot"})


class BadScript(Exception):
    """iPXE would not run this."""


def kernel_arguments(script: str, mac: str) -> dict[str, str]:
    """The arguments on the kernel's command line, with iPXE's variables put in.

    Raises:
        BadScript: the script is not one, or boots no kernel.
    """
    lines = script.splitlines()
    if not lines or lines[0] != "#!ipxe":
        raise BadScript("the first line is not #!ipxe")
    variables = {"netX/mac:hexhyp": mac.replace(":", "-")}
    arguments: dict[str, str] | None = None
    for line in lines[1:]:
        words = re.sub(r"\$\{([^}]+)\}", lambda found: variables.get(found[1], ""), line).split()
        if not words or words[0].startswith((":", "#")):
            continue
        if words[0] not in _KNOWN:
            raise BadScript(f"no command '{words[0]}'")
        if words[0] == "set":
            variables[words[1].partition(":")[0]] = " ".join(words[2:])
        if words[0] == "kernel":
            command = words[2 : words.index("||")] if "||" in words else words[2:]
            arguments = dict(word.split("=", 1) for word in command if "=" in word)
    if arguments is None:
        raise BadScript("it boots no kernel")
    return arguments
