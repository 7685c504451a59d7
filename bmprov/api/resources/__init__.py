"""What the API has routes for: one resource a module."""
