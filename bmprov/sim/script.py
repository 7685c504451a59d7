"""Enough of iPXE to follow the scripts that bmprov renders; what it does not know is an error, as in iPXE."""

import re

_KNOWN = frozenset({"echo", "set", "kernel", "initrd", "boot", "inc", "iseq", "goto", "imgfree", "sleep", "reboot"})
_MARK, _FAILED = "#!ipxe", "||"


class BadScript(Exception):
    """iPXE would not run this."""


def kernel_arguments(script: str, mac: str, address: str = "") -> dict[str, str]:
    """The arguments on the kernel's command line, with iPXE's variables put in.

    Raises:
        BadScript: the script is not one, boots no kernel, or says something that this iPXE does not know.
    """
    first, *lines = script.splitlines() or [""]
    if first != _MARK:
        raise BadScript(f"the first line is not {_MARK}")
    card = {"mac:hexhyp": mac.replace(":", "-"), "ip": address, "netmask": "255.0.0.0", "gateway": ""}
    variables = {f"netX/{name}": value for name, value in card.items()}
    labels = {line[1:].strip() for line in lines if line.startswith(":")}
    kernel: list[str] = []
    for words in (_expanded(line, variables).split() for line in lines):
        if not words or words[0].startswith((":", "#")):
            continue
        _check(words, labels)
        if words[0] == "set":
            variables[words[1].partition(":")[0]] = " ".join(words[2:])
        if words[0] == "kernel":
            kernel = words[2 : words.index(_FAILED)] if _FAILED in words else words[2:]
    if not kernel:
        raise BadScript("it boots no kernel")
    return dict(word.split("=", 1) for word in kernel if "=" in word)


def _expanded(line: str, variables: dict[str, str]) -> str:
    try:
        return re.sub(r"\$\{([^}]+)\}", lambda found: variables[found[1]], line)
    except KeyError as error:
        raise BadScript(f"nothing has set {error}") from error


def _check(words: list[str], labels: set[str]) -> None:
    if words[0] not in _KNOWN:
        raise BadScript(f"no command '{words[0]}'")
    for place, word in enumerate(words[:-1]):
        if word == "goto" and words[place + 1] not in labels:
            raise BadScript(f"no label '{words[place + 1]}'")
