"""DNS for the provisioning network: the machines that are being deployed, this service, and what others are asked.

`message` is the wire (RFC 1035, 6891), `zone` what is ours, `hosts` where it is read from, `resolver` decides, `gate`
keeps strangers and floods out, `forwarder` asks others, `server` owns the sockets. What is refused: zone transfers,
updates, recursion of our own, a cache, and any question from outside the provisioning networks.
"""
