"""The only code that touches hardware: RQ jobs, the flow runner, the power sweep and the drivers."""
