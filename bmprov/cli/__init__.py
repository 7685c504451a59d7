"""The command line: what an operator types, and the entry points of every process."""
