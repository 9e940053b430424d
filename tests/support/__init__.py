"""Helpers for tests: real wheels and sdists, and the servers that hand them out on loopback."""
