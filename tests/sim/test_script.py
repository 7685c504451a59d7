"""The simulated iPXE stops where a real one would."""

import pytest

from bmprov.sim.script import BadScript, kernel_arguments

MAC = "52:54:00:00:00:01"


def test_what_the_kernel_is_told_is_read() -> None:
    """With variables put in; words without a value, comments and labels are no arguments."""
    lines = [
        "#!ipxe",
        "# a comment",
        "set at:string http://x",
        ":again",
        "kernel ${at}/k quiet a=${at}/y?b=c || goto again",
    ]
    assert kernel_arguments("\n".join(lines), MAC) == {"a": "http://x/y?b=c"}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("", "the first line is not #!ipxe"),
        ("<html>\n", "the first line is not #!ipxe"),
        ("#!ipxe\necho hello\n", "it boots no kernel"),
        ("#!ipxe\nkernl http://x a=b\n", "no command 'kernl'"),
        ("#!ipxe\nkernel ${base}/k a=b\n", "nothing has set 'base'"),
        ("#!ipxe\nkernel http://x a=b || goto agian\n:again\n", "no label 'agian'"),
    ],
)
def test_what_ipxe_would_not_run_is_an_error(script: str, why: str) -> None:
    """A mistake in the rendered script must not be forgiven by the simulator."""
    with pytest.raises(BadScript, match=why):
        kernel_arguments(script, MAC)
