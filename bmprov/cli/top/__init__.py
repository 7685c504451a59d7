"""`bmprov top`: what is happening and what is in the hall, in a terminal. It reads and never orders."""
