"""What a UEFI firmware is told that runs signed loaders only. DHCP does not say so: the machine's record does.

Microsoft has signed Debian's shim, which starts what Debian has signed: GRUB, and the kernel of the ramdisk. Debian's
signed GRUB has TFTP. It can read an option of the answer with which the firmware got its address, so the kernel's
arguments, and with them the operation's token, go there, and every file is the same for all (`grub.cfg`). By UEFI HTTP
boot it cannot: Debian 12's (2.06) has no HTTP, and Debian 13's (2.12) reads no option then.
"""

from collections.abc import Mapping

from pxe.dhcp.client import HTTP_CLIENTS, Client

SHIMS: Mapping[Client, str] = {Client.UEFI_X64: "shimx64.efi", Client.UEFI_ARM64: "shimaa64.efi"}
"""The first loader, by the name that TFTP knows it by. It asks for GRUB beside it by itself."""

PACKAGES: Mapping[Client, str] = {
    Client.UEFI_X64: "packages shim-signed and grub-efi-amd64-signed",
    Client.UEFI_ARM64: "shimaa64.efi and grubaa64.efi (packages shim-signed and grub-efi-arm64-signed of arm64)",
}
"""Where both come from."""

GRUBS: Mapping[str, str] = {"shimx64.efi": "grubx64.efi", "shimaa64.efi": "grubaa64.efi"}
"""What each shim asks for."""


def hindrance(client: Client, loaders: frozenset[str], *, proxy: bool) -> str:
    """Why a machine with Secure Boot cannot be booted when this client asks; empty when it can.

    `loaders` are the files that TFTP has; `proxy` says that another server gives addresses.
    """
    if client in HTTP_CLIENTS:
        return (
            "with Secure Boot it is booted by PXE and not by UEFI HTTP boot: Debian's signed GRUB gets no token by HTTP"
        )
    if client not in SHIMS:
        return ""
    if proxy:
        return "with Secure Boot it is booted with pxe.mode = 'server' only: GRUB reads the answer that has the address"
    if SHIMS[client] not in loaders:
        return f"Secure Boot needs Debian's {PACKAGES[client]} on the host of `bmprov pxe`"
    return ""
