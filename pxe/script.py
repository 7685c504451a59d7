"""The iPXE script of one machine and one operation.

It tries again by itself, because a lost packet or a busy server must not cost a deployment, and prints what it does on
the machine's screen. It has no way to boot the disk: a machine that is to boot its disk is not answered by DHCP, and
iPXE's `exit` does not reach the disk under OVMF.
"""

_TEMPLATE = """#!ipxe
echo bmprov: {machine}, operation {operation}
set base {base}
set card BOOTIF=01-${{netX/mac:hexhyp}} bmprov.net=${{netX/ip}}/${{netX/netmask}}/${{netX/gateway}}
set tries:int32 0
:fetch
kernel ${{base}}/kernel {arguments} initrd=initrd ${{card}} || goto again
initrd --name initrd ${{base}}/initrd || goto again
boot || goto again
:again
inc tries
iseq ${{tries}} 60 && goto failed ||
echo bmprov: trying again (${{tries}})
imgfree
sleep 3
goto fetch
:failed
echo bmprov: the ramdisk could not be fetched from {base}
echo bmprov: check the provisioning network and the log of bmprov pxe
sleep 30
reboot
"""


def render(machine: str, operation: str, http_url: str, token: str, more: str = "") -> str:
    """The script. `http_url` is the base of this service as the machine reaches it, `more` an operator's arguments."""
    return _TEMPLATE.format(
        machine=machine,
        operation=operation,
        base=f"{http_url}/boot/v1/{token}",
        arguments=kernel_arguments(http_url, token, more),
    )


def kernel_arguments(http_url: str, token: str, more: str = "") -> str:
    """What the ramdisk is told. The loader adds the NIC that it booted from (BOOTIF), and iPXE its address there."""
    return " ".join(filter(None, (more, f"bmprov.api={http_url}/ramdisk/v1", f"bmprov.token={token}")))
