"""The BMC's side of IPMI 2.0 over LAN: bytes in, bytes out. Nothing in here opens a socket or reads a clock."""
