"""A package of its own, so that the service that its tests share ends when pytest leaves it."""
