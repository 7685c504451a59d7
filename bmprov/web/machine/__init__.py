"""The page of one machine: what it is, what is connected, what is being done to it, and what may be ordered of it."""
