"""A local server for development and tests."""
