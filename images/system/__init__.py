"""Operating system images that bmprov builds itself: raw disks that boot with BIOS and UEFI, Secure Boot included."""
