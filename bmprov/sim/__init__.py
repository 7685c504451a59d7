"""Simulated machines: real protocols, no hardware. For the demo, the scale tests and an operator's rehearsal."""
