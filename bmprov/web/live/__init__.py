"""Pages that stay true while they are open: what they show, what of it has changed, and the streams that say so."""
