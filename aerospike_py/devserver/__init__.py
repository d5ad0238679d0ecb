"""A local Aerospike server in memory, for development and tests.

It speaks the real protocol to any client. It also does what a real cluster cannot be asked to do
in a test: lose a node, delay, drop or corrupt a reply, answer with any result code, move time.

    with DevCluster(nodes=3) as cluster:
        client = aerospike_py.client(cluster.config).connect()

On the command line: `python -m aerospike_py.devserver --port 18710 --nodes 3`; with
`--control-port`, a `RemoteCluster` in another process does the same to it. In pytest: the fixtures
`aerospike_server` and `aerospike_client`.
"""

from ._assertions import assert_record
from ._remote import RemoteCluster
from .certificates import Authority, Certificate
from .cluster import DevCluster

__all__ = ["Authority", "Certificate", "DevCluster", "RemoteCluster", "assert_record"]
