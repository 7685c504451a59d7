"""The network-boot services: DHCP, TFTP and HTTP boot. They read the store and decide per machine, never per file."""
