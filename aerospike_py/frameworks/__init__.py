"""Backends for frameworks: caches of Django and Flask, and results of Celery.

Each module needs its framework, and is imported by whoever configures it:
`aerospike_py.frameworks.django`, `.flask` and `.celery`.
"""
