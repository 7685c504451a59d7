"""The web page: what is in the hall, what is happening now, what went wrong, and what to do about it."""
