"""A feature service on FastAPI; see `app`."""
