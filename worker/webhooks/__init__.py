"""Telling webhooks: one call of a receiver, what follows from its answer, and the rounds that make the calls."""
