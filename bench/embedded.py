"""A development server for a measurement, in a process of its own.

Prints the address of its first node as JSON and runs until its standard input ends.
"""

import json
import sys

from aerospike_py.devserver import DevCluster

with DevCluster(nodes=3) as cluster:
    host, port = cluster.hosts[0]
    print(json.dumps({"host": host, "port": port}), flush=True)
    sys.stdin.read()
