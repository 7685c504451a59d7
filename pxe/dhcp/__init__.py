"""DHCP for machines that are about to boot from the network, and for nobody else.

`packet` is the codec (RFC 2131, 2132, 3046, 3396), `client` tells who is asking (RFC 4578), `policy` decides, `server`
owns the sockets. Codec and policy do no I/O. What is refused: being a general DHCP server. A machine that no operation
wants booted is ignored, so that another server may share the network.

The codec is ours because no kept library has it: dhcppython has not been touched since 2021, scapy is GPL and as large
as this service.
"""
