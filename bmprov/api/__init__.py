"""The REST API: its routes, its OpenAPI document, its callers' tokens, and the server that serves it over TLS."""
