"""The hall: every machine where it stands, in its rack."""
