"""The page of one operation: its timeline from CloudStack's call to the machine's own."""
