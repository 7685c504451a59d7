"""The image catalogue: fetch, verify, keep, and describe what a machine is given."""
