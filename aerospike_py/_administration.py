"""What a client does beside reading and writing single records: queries, and running a cluster."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from . import _native
from ._administration_requests import (
    AdministrationRequests,
    JobStatus,
    RoleInfo,
    UDFFile,
    UserInfo,
)
from ._base import BaseClient, not_connected
from ._native import Pointer
from ._native.streams import Stream
from ._query_requests import QueryPolicies
from ._requests import Request
from ._results import T
from .constants import (
    INDEX_BLOB,
    INDEX_GEO2DSPHERE,
    INDEX_NUMERIC,
    INDEX_STRING,
    INDEX_TYPE_DEFAULT,
)
from .exception import ClientError
from .query import AsyncBackgroundJob, AsyncQuery, BackgroundJob, Query
from .types import AdminPolicy, ClientConfig, Key, Privilege, WritePolicy


class QueryingClient(BaseClient):
    """Not for users: see `Client`."""

    def __init__(self, config: ClientConfig | Mapping[str, Any]) -> None:
        super().__init__(config)
        policies = self._config.policies
        self._query_policies = QueryPolicies(policies.get("query"))
        self._administration = AdministrationRequests(self._requests, policies)

    def _require_connection(self) -> None:
        """Raises a ClientError unless the client is connected."""
        self._execute(self._requests.node_names())

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

    def background_job(self, job_id: int) -> BackgroundJob:
        """A background query that was started before, perhaps by another process.

        Args:
            job_id: The `id` of the job.
        """
        return BackgroundJob(self, job_id)

    def info_node(self, command: str, node_name: str, policy: AdminPolicy | None = None) -> str:
        """Asks one node an info command.

        Args:
            command: For example "namespaces".
            node_name: One of `get_node_names`.
            policy: {"timeout": milliseconds}.

        Returns:
            The answer, without the command that the server echoes.

        Raises:
            ClusterError: There is no such node, or it cannot be reached.
        """
        return self._execute(self._administration.info_node(command, node_name, policy))

    def truncate(
        self,
        namespace: str,
        set_name: str | None = None,
        nanos: int = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """Removes all records of a set that were last changed before a time.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            nanos: Nanoseconds since 1970; 0 is now.
            policy: {"timeout": milliseconds}.

        Raises:
            InvalidArgError: The time is in the future.
            ServerError: There is no such namespace.
        """
        self._execute(self._administration.truncate(namespace, set_name, nanos, policy))

    def index_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str | None,
        index_name: str,
        data_type: int,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        expression: Any = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Creates a secondary index, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin; None for an index on an expression.
            index_name: What the index is called.
            data_type: INDEX_NUMERIC, INDEX_STRING, INDEX_BLOB or INDEX_GEO2DSPHERE.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            expression: The expression whose value is indexed, in place of a bin.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            IndexFoundError: There is an index of that name with another definition. Creating the
                same one again succeeds.
            InvalidArgError: The server does not accept the definition.
            AerospikeTimeoutError: Not all nodes can read it in time; they go on building it.
            ServerError: There is no such namespace.
        """
        self._execute(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                data_type,
                policy,
                index_type,
                ctx,
                expression,
                wait_timeout,
            )
        )

    def index_integer_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Creates a secondary index of ints, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self._execute(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_NUMERIC,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    def index_string_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Creates a secondary index of strs, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self._execute(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_STRING,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    def index_geo2dsphere_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Creates a secondary index of GeoJSON, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self._execute(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_GEO2DSPHERE,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    def index_blob_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Creates a secondary index of bytes, and waits until all nodes can read it.

        Args:
            namespace: The namespace.
            set_name: The set; None or "" is the whole namespace.
            bin_name: The bin.
            index_name: What the index is called.
            policy: {"timeout": milliseconds} for each question to a node.
            index_type: INDEX_TYPE_DEFAULT for the bin's own value, or INDEX_TYPE_LIST,
                INDEX_TYPE_MAPKEYS or INDEX_TYPE_MAPVALUES for what is inside it.
            ctx: Where in the bin the value, list or map is; steps of `cdt_ctx`.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            AerospikeError: As `index_create` does.
        """
        self._execute(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_BLOB,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    def index_remove(
        self,
        namespace: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        wait_timeout: int = 30_000,
    ) -> None:
        """Removes a secondary index, and waits until all nodes have done so.

        Removing one that is not there succeeds, as the server has it.

        Args:
            namespace: The namespace.
            index_name: The index.
            policy: {"timeout": milliseconds} for each question to a node.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            AerospikeTimeoutError: Not all nodes have removed it in time.
            ServerError: There is no such namespace.
        """
        self._execute(
            self._administration.index_remove(namespace, index_name, policy, wait_timeout)
        )

    def udf_put(
        self,
        filename: "str | os.PathLike[str]",
        udf_type: int = 0,
        policy: AdminPolicy | None = None,
        *,
        source: str | bytes | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """Registers a file of Lua functions, and waits until all nodes have it.

        Args:
            filename: The file's path; its last part names the module.
            udf_type: 0: Lua is all there is.
            policy: {"timeout": milliseconds} for each question to a node.
            source: The file's content; without it, the file is read.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            OSError: The file cannot be read.
            UDFError: It does not compile; the text is the server's.
            AerospikeTimeoutError: Not all nodes have it in time.
        """
        self._execute(
            self._administration.udf_put(filename, udf_type, policy, source, wait_timeout)
        )

    def udf_list(self, policy: AdminPolicy | None = None) -> list[UDFFile]:
        """The files of functions that are registered.

        Args:
            policy: {"timeout": milliseconds}.
        """
        return self._execute(self._administration.udf_list(policy))

    def udf_get(self, module: str, policy: AdminPolicy | None = None) -> str:
        """The content of a registered file.

        Args:
            module: Its name, with or without ".lua".
            policy: {"timeout": milliseconds}.

        Raises:
            UDFError: There is no such file.
        """
        return self._execute(self._administration.udf_get(module, policy))

    def udf_remove(
        self, module: str, policy: AdminPolicy | None = None, *, wait_timeout: int = 30_000
    ) -> None:
        """Removes a registered file, and waits until all nodes have done so.

        Args:
            module: Its name, with or without ".lua".
            policy: {"timeout": milliseconds} for each question to a node.
            wait_timeout: How long to wait, in milliseconds; 0 does not wait.

        Raises:
            UDFError: There is no such file.
            AerospikeTimeoutError: Not all nodes have removed it in time.
        """
        self._execute(self._administration.udf_remove(module, policy, wait_timeout))

    def apply(
        self,
        key: Key,
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: WritePolicy | None = None,
    ) -> Any:
        """Runs a registered function on a record.

        Args:
            key: (namespace, set, user key), or a key that a result carries.
            module: The module, with or without ".lua".
            function: The function; its first argument is the record.
            args: Its further arguments, of any type that a bin can hold.
            policy: How to write.

        Returns:
            What the function returns; None for nil.

        Raises:
            UDFError: The function fails, or there is none; the text is the server's.
            TypeError: An argument's type cannot be sent.
        """
        return self._execute(self._administration.apply(key, module, function, args, policy))

    def job_status(self, job_id: int, policy: AdminPolicy | None = None) -> JobStatus:
        """How a background query is getting on.

        Args:
            job_id: The `id` of a background job.
            policy: {"timeout": milliseconds} for each question to a node.
        """
        return self._execute(self._administration.job_status(job_id, policy))

    def job_abort(self, job_id: int, policy: AdminPolicy | None = None) -> None:
        """Aborts a background query. What it has done stays done.

        Args:
            job_id: The `id` of a background job.
            policy: {"timeout": milliseconds} for each question to a node.

        Raises:
            QueryError: No node is at work on it.
        """
        self._execute(self._administration.job_abort(job_id, policy))

    def admin_create_user(
        self, username: str, password: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Creates a user.

        Args:
            username: The user's name.
            password: The password; it goes out as a hash.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The user exists, a role does not, or the server has no security.
        """
        self._execute(self._administration.create_user(username, password, roles, policy))

    def admin_drop_user(self, username: str, policy: AdminPolicy | None = None) -> None:
        """Removes a user.

        Args:
            username: The user's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security.
        """
        self._execute(self._administration.drop_user(username, policy))

    def admin_change_password(
        self, username: str, password: str, policy: AdminPolicy | None = None
    ) -> None:
        """Changes a user's password.

        One's own can always be changed: this client then logs in with the new one, also when it
        connects again. Other users' take the privilege of a user administrator.

        Args:
            username: The user's name.
            password: The new password; it goes out as a hash.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security or refuses.
        """
        self._execute(self._administration.change_password(username, password, policy))
        self._config.change_password(username, password)

    def admin_grant_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Adds roles to those that a user has.

        Args:
            username: The user's name.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user or role, or the server has no security.
        """
        self._execute(self._administration.grant_roles(username, roles, policy))

    def admin_revoke_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Takes roles from those that a user has.

        Args:
            username: The user's name.
            roles: Names of roles.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user or role, or the server has no security.
        """
        self._execute(self._administration.revoke_roles(username, roles, policy))

    def admin_query_user_info(self, username: str, policy: AdminPolicy | None = None) -> UserInfo:
        """What a user is: roles, and connections in use on the node that was asked.

        Args:
            username: The user's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such user, or the server has no security.
        """
        return self._execute(self._administration.query_user_info(username, policy))

    def admin_query_users_info(self, policy: AdminPolicy | None = None) -> list[UserInfo]:
        """What all users are.

        Args:
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The server has no security, or refuses.
        """
        return self._execute(self._administration.query_users_info(policy))

    def admin_create_role(
        self,
        role: str,
        privileges: Sequence[Privilege],
        policy: AdminPolicy | None = None,
        whitelist: Sequence[str] | None = None,
        read_quota: int = 0,
        write_quota: int = 0,
    ) -> None:
        """Creates a role.

        Args:
            role: The role's name.
            privileges: Dicts of a PRIV_ constant as "code", and "ns" and "set" to limit it to.
            policy: {"timeout": milliseconds}.
            whitelist: Addresses that its users may come from, such as "10.0.0.0/8"; none: all.
            read_quota: Reads per second; 0: no limit.
            write_quota: Writes per second; 0: no limit.

        Raises:
            AdminError: The role exists, something in it is not valid, or the server has no
                security.
        """
        self._execute(
            self._administration.create_role(
                role, privileges, policy, whitelist, read_quota, write_quota
            )
        )

    def admin_drop_role(self, role: str, policy: AdminPolicy | None = None) -> None:
        """Removes a role.

        Args:
            role: The role's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(self._administration.drop_role(role, policy))

    def admin_grant_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """Adds privileges to those of a role.

        Args:
            role: The role's name.
            privileges: As for `admin_create_role`.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(self._administration.grant_privileges(role, privileges, policy))

    def admin_revoke_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """Takes privileges from those of a role.

        Args:
            role: The role's name.
            privileges: As for `admin_create_role`.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        self._execute(self._administration.revoke_privileges(role, privileges, policy))

    def admin_query_role(self, role: str, policy: AdminPolicy | None = None) -> RoleInfo:
        """What a role is: privileges, allowlist and quotas.

        Args:
            role: The role's name.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security.
        """
        return self._execute(self._administration.query_role(role, policy))

    def admin_query_roles(self, policy: AdminPolicy | None = None) -> list[RoleInfo]:
        """What all roles are, the server's own included.

        Args:
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: The server has no security, or refuses.
        """
        return self._execute(self._administration.query_roles(policy))

    def admin_set_whitelist(
        self, role: str, whitelist: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """Says where the users of a role may come from.

        Args:
            role: The role's name.
            whitelist: Addresses, such as "10.0.0.0/8"; an empty list allows all.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, an address is not valid, or the server has no
                security.
        """
        self._execute(self._administration.set_whitelist(role, whitelist, policy))

    def admin_set_quotas(
        self,
        role: str,
        read_quota: int = 0,
        write_quota: int = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """Limits how much the users of a role may do.

        Args:
            role: The role's name.
            read_quota: Reads per second; 0: no limit.
            write_quota: Writes per second; 0: no limit.
            policy: {"timeout": milliseconds}.

        Raises:
            AdminError: There is no such role, or the server has no security or no quotas.
        """
        self._execute(self._administration.set_quotas(role, read_quota, write_quota, policy))


class AsyncAdministration(QueryingClient):
    """The awaited half of what both clients have."""

    async def _run(self, request: Request[T]) -> T:
        raise NotImplementedError

    def query(self, namespace: str, set_name: str | None = None) -> AsyncQuery:
        """See `Client.query`."""
        query = AsyncQuery(self, self._query_policies, namespace, set_name)
        self._require_connection()
        return query

    def background_job(self, job_id: int) -> AsyncBackgroundJob:
        """See `Client.background_job`."""
        return AsyncBackgroundJob(self, job_id)

    async def info_node(
        self, command: str, node_name: str, policy: AdminPolicy | None = None
    ) -> str:
        """See `Client.info_node`."""
        return await self._run(self._administration.info_node(command, node_name, policy))

    async def truncate(
        self,
        namespace: str,
        set_name: str | None = None,
        nanos: int = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """See `Client.truncate`."""
        await self._run(self._administration.truncate(namespace, set_name, nanos, policy))

    async def index_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str | None,
        index_name: str,
        data_type: int,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        expression: Any = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_create`."""
        await self._run(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                data_type,
                policy,
                index_type,
                ctx,
                expression,
                wait_timeout,
            )
        )

    async def index_integer_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_integer_create`."""
        await self._run(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_NUMERIC,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    async def index_string_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_string_create`."""
        await self._run(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_STRING,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    async def index_geo2dsphere_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_geo2dsphere_create`."""
        await self._run(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_GEO2DSPHERE,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    async def index_blob_create(
        self,
        namespace: str,
        set_name: str | None,
        bin_name: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        index_type: int = INDEX_TYPE_DEFAULT,
        ctx: Sequence[Any] | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_blob_create`."""
        await self._run(
            self._administration.index_create(
                namespace,
                set_name,
                bin_name,
                index_name,
                INDEX_BLOB,
                policy,
                index_type,
                ctx,
                None,
                wait_timeout,
            )
        )

    async def index_remove(
        self,
        namespace: str,
        index_name: str,
        policy: AdminPolicy | None = None,
        *,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.index_remove`."""
        await self._run(
            self._administration.index_remove(namespace, index_name, policy, wait_timeout)
        )

    async def udf_put(
        self,
        filename: "str | os.PathLike[str]",
        udf_type: int = 0,
        policy: AdminPolicy | None = None,
        *,
        source: str | bytes | None = None,
        wait_timeout: int = 30_000,
    ) -> None:
        """See `Client.udf_put`."""
        await self._run(
            self._administration.udf_put(filename, udf_type, policy, source, wait_timeout)
        )

    async def udf_list(self, policy: AdminPolicy | None = None) -> list[UDFFile]:
        """See `Client.udf_list`."""
        return await self._run(self._administration.udf_list(policy))

    async def udf_get(self, module: str, policy: AdminPolicy | None = None) -> str:
        """See `Client.udf_get`."""
        return await self._run(self._administration.udf_get(module, policy))

    async def udf_remove(
        self, module: str, policy: AdminPolicy | None = None, *, wait_timeout: int = 30_000
    ) -> None:
        """See `Client.udf_remove`."""
        await self._run(self._administration.udf_remove(module, policy, wait_timeout))

    async def apply(
        self,
        key: Key,
        module: str,
        function: str,
        args: Sequence[Any] | None = None,
        policy: WritePolicy | None = None,
    ) -> Any:
        """See `Client.apply`."""
        return await self._run(self._administration.apply(key, module, function, args, policy))

    async def job_status(self, job_id: int, policy: AdminPolicy | None = None) -> JobStatus:
        """See `Client.job_status`."""
        return await self._run(self._administration.job_status(job_id, policy))

    async def job_abort(self, job_id: int, policy: AdminPolicy | None = None) -> None:
        """See `Client.job_abort`."""
        await self._run(self._administration.job_abort(job_id, policy))

    async def admin_create_user(
        self, username: str, password: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_create_user`."""
        await self._run(self._administration.create_user(username, password, roles, policy))

    async def admin_drop_user(self, username: str, policy: AdminPolicy | None = None) -> None:
        """See `Client.admin_drop_user`."""
        await self._run(self._administration.drop_user(username, policy))

    async def admin_change_password(
        self, username: str, password: str, policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_change_password`."""
        await self._run(self._administration.change_password(username, password, policy))
        self._config.change_password(username, password)

    async def admin_grant_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_grant_roles`."""
        await self._run(self._administration.grant_roles(username, roles, policy))

    async def admin_revoke_roles(
        self, username: str, roles: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_revoke_roles`."""
        await self._run(self._administration.revoke_roles(username, roles, policy))

    async def admin_query_user_info(
        self, username: str, policy: AdminPolicy | None = None
    ) -> UserInfo:
        """See `Client.admin_query_user_info`."""
        return await self._run(self._administration.query_user_info(username, policy))

    async def admin_query_users_info(self, policy: AdminPolicy | None = None) -> list[UserInfo]:
        """See `Client.admin_query_users_info`."""
        return await self._run(self._administration.query_users_info(policy))

    async def admin_create_role(
        self,
        role: str,
        privileges: Sequence[Privilege],
        policy: AdminPolicy | None = None,
        whitelist: Sequence[str] | None = None,
        read_quota: int = 0,
        write_quota: int = 0,
    ) -> None:
        """See `Client.admin_create_role`."""
        await self._run(
            self._administration.create_role(
                role, privileges, policy, whitelist, read_quota, write_quota
            )
        )

    async def admin_drop_role(self, role: str, policy: AdminPolicy | None = None) -> None:
        """See `Client.admin_drop_role`."""
        await self._run(self._administration.drop_role(role, policy))

    async def admin_grant_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_grant_privileges`."""
        await self._run(self._administration.grant_privileges(role, privileges, policy))

    async def admin_revoke_privileges(
        self, role: str, privileges: Sequence[Privilege], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_revoke_privileges`."""
        await self._run(self._administration.revoke_privileges(role, privileges, policy))

    async def admin_query_role(self, role: str, policy: AdminPolicy | None = None) -> RoleInfo:
        """See `Client.admin_query_role`."""
        return await self._run(self._administration.query_role(role, policy))

    async def admin_query_roles(self, policy: AdminPolicy | None = None) -> list[RoleInfo]:
        """See `Client.admin_query_roles`."""
        return await self._run(self._administration.query_roles(policy))

    async def admin_set_whitelist(
        self, role: str, whitelist: Sequence[str], policy: AdminPolicy | None = None
    ) -> None:
        """See `Client.admin_set_whitelist`."""
        await self._run(self._administration.set_whitelist(role, whitelist, policy))

    async def admin_set_quotas(
        self,
        role: str,
        read_quota: int = 0,
        write_quota: int = 0,
        policy: AdminPolicy | None = None,
    ) -> None:
        """See `Client.admin_set_quotas`."""
        await self._run(self._administration.set_quotas(role, read_quota, write_quota, policy))
