"""A counter of page views on WSGI, for servers that fork their workers.

    AEROSPIKE_HOSTS=127.0.0.1:18710 gunicorn --preload --workers 4 examples.wsgi_app:app
    curl 127.0.0.1:8000/some/page

`python examples/wsgi_app.py` serves it in one process, to look at it.

The client is connected once, when the server loads the program. Workers that are forked from it
connect anew with their first operation: sockets and threads stay with the parent.
"""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import make_server

import aerospike_py

client = aerospike_py.client(
    {"hosts": os.environ.get("AEROSPIKE_HOSTS", "127.0.0.1:18710").split(",")}
).connect()
SET = os.environ.get("AEROSPIKE_SET", "views")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Counts the view of a path, and answers with the count and the worker's process."""
    ops = [
        {"op": aerospike_py.OPERATOR_INCR, "bin": "views", "val": 1},
        {"op": aerospike_py.OPERATOR_READ, "bin": "views"},
    ]
    try:
        bins = client.operate(("test", SET, environ["PATH_INFO"]), ops).bins or {}
    except aerospike_py.AerospikeError as error:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [str(error).encode()]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"views": bins["views"], "process": os.getpid()}).encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), app) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
