"""Errors, the registry, progress and blocks: knows nothing of space or time."""
