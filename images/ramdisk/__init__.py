"""The deploy ramdisk: a kernel and an initramfs from Debian's packages, and the agent that runs in it."""
