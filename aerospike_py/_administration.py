"""What a client does beside reading and writing single records: queries, and running a cluster."""

from collections.abc import Mapping
from typing import Any

from . import _native
from ._base import BaseClient, not_connected
from ._native import Pointer
from ._native.streams import Stream
from ._query_requests import QueryPolicies
from .exception import ClientError
from .query import AsyncQuery, Query
from .types import ClientConfig


class QueryingClient(BaseClient):
    """Not for users: see `Client`."""

    def __init__(self, config: ClientConfig | Mapping[str, Any]) -> None:
        super().__init__(config)
        self._query_policies = QueryPolicies(self._config.policies.get("query"))

    def _require_connection(self) -> None:
        """Raises a ClientError unless the client is connected."""
        self._execute(*self._requests.node_names())

    def _open_stream(self, request: bytes, policy: Pointer) -> Stream:
        client = self._native
        if client is None:
            raise not_connected()
        try:
            return Stream(client, request, policy)
        except ClientError as error:
            if error.result_code != _native.NOT_CONNECTED:
                raise
        self._require_connection()  # In the child of a fork, this connects anew.
        return Stream(client, request, policy)


class Administration(QueryingClient):
    """The waiting half of what both clients have."""

    def query(self, namespace: str, set_name: str | None = None) -> Query:
        """Makes a query; it runs when its results are asked for.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.

        Raises:
            TypeError, ValueError: A name is not valid.
            ClientError: The client is not connected.
        """
        query = Query(self, self._query_policies, namespace, set_name)
        self._require_connection()
        return query


class AsyncAdministration(QueryingClient):
    """The awaited half of what both clients have."""

    def query(self, namespace: str, set_name: str | None = None) -> AsyncQuery:
        """See `Client.query`."""
        query = AsyncQuery(self, self._query_policies, namespace, set_name)
        self._require_connection()
        return query
