"""The agent of the deploy ramdisk: says what the machine is, writes the image to its disk, and says that it is done.

It runs on the metal as the ramdisk's only program, with the modules of Python's standard library that it imports and
nothing else, and speaks docs/ramdisk-api.md. The image goes from the socket to the disk in pieces of 4 MiB, without a
temporary copy: one thread fetches and unpacks, one hashes, one writes. What breaks off is fetched on from where it
stopped. What it says goes into the kernel's log, whose end is sent when it gives up: a disk's errors stand there too.
"""
