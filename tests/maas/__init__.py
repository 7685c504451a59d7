"""A MAAS region for tests and benchmarks: API 2.0 over real HTTP, with machines whose lives take time.

It follows MAAS 3.7.3: the description that a region of that version serves, machines as it serialised them, what it
answered to wrong calls, and its public source where none of these told (the texts of a few refusals are ours).
`running.region` starts one for a test, `python -m tests.maas` starts one in a process of its own for a benchmark.

A call costs what its answer costs: machines are kept encoded until they change, so that 1,000 are cheap to list.

It does not do:

- TLS, the web sockets of MAAS's own page, API 3, logins with a password, macaroons;
- commissioning, testing, or the making of machines: a machine can be put into any status, and stays there;
- bonds, bridges, storage layouts, pods, rack controllers, DNS, static routes, reserved and dynamic ranges: an address
  is free when no link of a machine has it;
- network boots other than a deployment's first, and DHCP relays: each would put the NIC that boots onto the VLAN of the
  rack controller's interface, as the first one here does, or leave it where it is;
- the metadata service: a machine is Deployed whether or not its system could reach it;
- leases: an interface that uses DHCP never shows an address;
- permissions beyond a user's own machines and an administrator's all;
- filters of the list of machines and constraints of `allocate` that stand in MAAS's description but not in ours. Our
  description is whole: what is not described is refused as MAAS refuses a constraint or an operation unknown to it.
"""
