"""The iPXE script, to the letter."""

from bmprov.sim.script import kernel_arguments
from pxe.script import render

SCRIPT = """#!ipxe
echo bmprov: rack1-07, operation 8f0c
set base http://10.1.0.1:8080/boot/v1/TOKEN
set card BOOTIF=01-${netX/mac:hexhyp} bmprov.net=${netX/ip}/${netX/netmask}/${netX/gateway}
set tries:int32 0
:fetch
kernel ${base}/kernel bmprov.api=http://10.1.0.1:8080/ramdisk/v1 bmprov.token=TOKEN initrd=initrd ${card} || goto again
initrd --name initrd ${base}/initrd || goto again
boot || goto again
:again
inc tries
iseq ${tries} 60 && goto failed ||
echo bmprov: trying again (${tries})
imgfree
sleep 3
goto fetch
:failed
echo bmprov: the ramdisk could not be fetched from http://10.1.0.1:8080/boot/v1/TOKEN
echo bmprov: check the provisioning network and the log of bmprov pxe
sleep 30
reboot
"""


def test_the_script_is_for_one_machine_and_one_operation() -> None:
    """It names them on the screen, fetches kernel and initramfs with the token, and begins again when that fails."""
    assert render("rack1-07", "8f0c", "http://10.1.0.1:8080", "TOKEN") == SCRIPT


def test_the_simulated_ipxe_follows_it() -> None:
    """What the kernel is told has the MAC of the NIC that booted, as pxelinux's BOOTIF, and the address that it has."""
    assert kernel_arguments(SCRIPT, "52:54:00:00:00:01", "127.66.0.10") == {
        "bmprov.api": "http://10.1.0.1:8080/ramdisk/v1",
        "bmprov.token": "TOKEN",
        "initrd": "initrd",
        "BOOTIF": "01-52-54-00-00-00-01",
        "bmprov.net": "127.66.0.10/255.0.0.0/",
    }


def test_the_operator_s_arguments_come_first() -> None:
    """Nothing that an operator adds can stand in the place of the token or of our address."""
    told = render("rack1-07", "8f0c", "http://10.1.0.1:8080", "TOKEN", "console=ttyS0,115200n8")
    assert "/kernel console=ttyS0,115200n8 bmprov.api=http://10.1.0.1:8080/ramdisk/v1 bmprov.token=TOKEN" in told
