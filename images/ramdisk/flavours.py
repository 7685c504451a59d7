"""What a ramdisk is made of: Debian's packages, and the drivers of its kernel that are taken along."""

from dataclasses import dataclass

COMMON_PACKAGES = (
    "busybox-static",
    "kmod",
    "python3-minimal",
    "libpython3-stdlib",
    "libzstd1",
    "fdisk",
    "e2fsprogs",
    "dosfstools",
    "efibootmgr",
)
"""Package names of Debian and Ubuntu; what they depend on comes along."""


@dataclass(frozen=True)
class Flavour:
    """One kind of ramdisk.

    `kernels` are names of the package that depends on the newest kernel; the first that the archive has is taken.
    `drivers` are folders or modules below `kernel/`; what they depend on comes along. `firmware` packages are taken if
    the archive has them: Debian keeps them in its component non-free-firmware.
    """

    kernels: tuple[str, ...]
    drivers: tuple[str, ...]
    firmware: tuple[str, ...] = ()


_ALWAYS = (
    "fs/efivarfs",
    "fs/fat",
    "fs/nls",
    "net/packet",
    "drivers/scsi/sd_mod",
    "drivers/scsi/sr_mod",
    "drivers/ata/ahci",
    "drivers/nvme/host",
)

FLAVOURS = {
    "virtual": Flavour(
        kernels=("linux-image-cloud-amd64", "linux-image-virtual"),
        drivers=(
            *_ALWAYS,
            "drivers/virtio",
            "drivers/block/virtio_blk",
            "drivers/scsi/virtio_scsi",
            "drivers/net/virtio_net",
            "drivers/net/vmxnet3",
            "drivers/net/hyperv",
            "drivers/net/ethernet/amazon",
            "drivers/net/ethernet/intel/e1000",
            "drivers/net/ethernet/intel/e1000e",
            "drivers/scsi/vmw_pvscsi",
            "drivers/scsi/hv_storvsc",
            "drivers/hv",
        ),
    ),
    "server": Flavour(
        kernels=("linux-image-amd64", "linux-image-generic"),
        drivers=(
            *_ALWAYS,
            "drivers/virtio",
            "drivers/block/virtio_blk",
            "drivers/net/virtio_net",
            "drivers/net/ethernet",
            "drivers/scsi",
            "drivers/ata",
            "drivers/message/fusion",
            "drivers/hid/usbhid",
            "drivers/usb/host",
            "drivers/char/ipmi",
        ),
        firmware=("firmware-bnx2", "firmware-bnx2x", "firmware-qlogic", "firmware-misc-nonfree"),
    ),
}
"""`virtual` for machines of QEMU, VMware and Hyper-V, small; `server` with the drivers of common servers."""
