"""Users and roles, on a local cluster with security, and what a server without it says.

The official client is the oracle in both directions: it sees what ours has done, and the reverse.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

import aerospike_py
from aerospike_py import AdminError, Client, InvalidArgError, NotAuthenticated
from aerospike_py.devserver import DevCluster


@pytest.fixture(scope="module")
def secured() -> Iterator[DevCluster]:
    with DevCluster(nodes=3, security=True) as cluster:
        yield cluster


@pytest.fixture
def admin(secured: DevCluster, make_client: Any) -> Iterator[Client]:
    """A client that may do everything; its users and roles are gone afterwards."""
    config = {"hosts": secured.hosts, "user": "admin", "password": "admin"}
    with make_client(config).connect() as client:
        users = {user["user"] for user in client.admin_query_users_info()}
        roles = {role["name"] for role in client.admin_query_roles()}
        yield client
        for user in client.admin_query_users_info():
            if user["user"] not in users:
                client.admin_drop_user(user["user"])
        for role in client.admin_query_roles():
            if role["name"] not in roles:
                client.admin_drop_role(role["name"])


@pytest.fixture
def theirs(secured: DevCluster) -> Iterator[Any]:
    official = pytest.importorskip("aerospike")
    config = {"hosts": secured.hosts, "user": "admin", "password": "admin"}
    client = official.client(config).connect("admin", "admin")
    yield client
    client.close()


def log_in(secured: DevCluster, user: str, password: str) -> Client:
    config = {"hosts": secured.hosts, "user": user, "password": password}
    return aerospike_py.client(config).connect()


def test_a_server_with_security_says_that_a_login_is_missing(
    secured: DevCluster, make_client: Any
) -> None:
    client = make_client(secured.config)
    with pytest.raises(NotAuthenticated) as caught:
        client.connect()
    told = (
        'not authenticated: the node has security, and nobody is logged in; write connect("user", "'
    )
    assert told in caught.value.message
    with client.connect("admin", "admin"):
        assert client.is_connected()


class TestUsers:
    def test_a_user_is_created_asked_for_and_dropped(self, admin: Client) -> None:
        admin.admin_create_user("user1", "pass", ["read-write"])
        info = admin.admin_query_user_info("user1")
        assert info["user"] == "user1"
        assert info["roles"] == ["read-write"]
        assert info["conns_in_use"] == 0
        assert "user1" in {user["user"] for user in admin.admin_query_users_info()}
        admin.admin_drop_user("user1")
        with pytest.raises(AdminError) as caught:
            admin.admin_query_user_info("user1")
        assert caught.value.result_code == 60

    def test_roles_are_granted_and_revoked(self, admin: Client) -> None:
        admin.admin_create_user("user1", "pass", [])
        admin.admin_grant_roles("user1", ["read", "sys-admin"])
        assert sorted(admin.admin_query_user_info("user1")["roles"]) == ["read", "sys-admin"]
        admin.admin_revoke_roles("user1", ["read"])
        assert admin.admin_query_user_info("user1")["roles"] == ["sys-admin"]

    def test_a_new_user_can_log_in(self, secured: DevCluster, admin: Client) -> None:
        admin.admin_create_user("user1", "pass", ["read"])
        with log_in(secured, "user1", "pass") as client:
            assert client.exists(("test", "demo", 1)).meta is None
            with pytest.raises(AdminError) as caught:
                client.put(("test", "demo", 1), {"a": 1})
            assert caught.value.result_code == 81
            with pytest.raises(AdminError):
                client.admin_create_user("user2", "pass", [])

    def test_anothers_password_is_set(self, secured: DevCluster, admin: Client) -> None:
        admin.admin_create_user("user1", "old", ["read"])
        admin.admin_change_password("user1", "new")
        with pytest.raises(AdminError):
            log_in(secured, "user1", "old")
        log_in(secured, "user1", "new").close()

    def test_ones_own_password_is_changed_and_the_session_goes_on(
        self, secured: DevCluster, admin: Client, make_client: Any
    ) -> None:
        admin.admin_create_user("user1", "old", ["read-write"])
        config = {"hosts": secured.hosts, "user": "user1", "password": "old"}
        with make_client(config).connect() as client:
            client.put(("test", "demo", 1), {"a": 1})
            client.admin_change_password("user1", "new")
            # All connections are closed, so that each node is logged in to anew.
            secured.close_connections()
            for number in range(20):
                with contextlib.suppress(aerospike_py.ClusterError):
                    client.put(("test", "demo", number), {"a": 1})
            for number in range(20):
                client.put(("test", "demo", number), {"a": 2})
            client.close()
            client.connect()
            assert client.get(("test", "demo", 1)).bins == {"a": 2}

    def test_errors(self, admin: Client) -> None:
        admin.admin_create_user("user1", "pass", [])
        calls: list[tuple[int, Any]] = [
            (61, lambda: admin.admin_create_user("user1", "pass", [])),
            (60, lambda: admin.admin_drop_user("nobody")),
            (60, lambda: admin.admin_grant_roles("nobody", ["read"])),
            (70, lambda: admin.admin_grant_roles("user1", ["no-such-role"])),
            (70, lambda: admin.admin_create_user("user2", "pass", ["no-such-role"])),
        ]
        for code, call in calls:
            with pytest.raises(AdminError) as caught:
                call()
            assert caught.value.result_code == code

    def test_arguments(self, admin: Client) -> None:
        with pytest.raises(TypeError):
            admin.admin_create_user("user1", "pass", "read")
        with pytest.raises(TypeError):
            admin.admin_create_user(b"user1", "pass", [])  # type: ignore[arg-type]
        with pytest.raises(InvalidArgError):
            admin.admin_create_user("", "pass", [])
        with pytest.raises(InvalidArgError):
            admin.admin_grant_roles("user1", [])


class TestRoles:
    PRIVILEGES: tuple[Any, ...] = (
        {"code": aerospike_py.PRIV_READ, "ns": "test", "set": "demo"},
        {"code": aerospike_py.PRIV_WRITE, "ns": "test", "set": ""},
        {"code": aerospike_py.PRIV_SYS_ADMIN, "ns": "", "set": ""},
    )

    def test_a_role_is_created_asked_for_and_dropped(self, admin: Client) -> None:
        admin.admin_create_role("role1", self.PRIVILEGES)
        info = admin.admin_query_role("role1")
        assert info["name"] == "role1"
        assert sorted(info["privileges"], key=str) == sorted(self.PRIVILEGES, key=str)
        assert info["allowlist"] == []
        assert info["read_quota"] == info["write_quota"] == 0
        assert "role1" in {role["name"] for role in admin.admin_query_roles()}
        admin.admin_drop_role("role1")
        with pytest.raises(AdminError) as caught:
            admin.admin_query_role("role1")
        assert caught.value.result_code == 70

    def test_privileges_are_granted_and_revoked(self, admin: Client) -> None:
        admin.admin_create_role("role1", [self.PRIVILEGES[0]])
        admin.admin_grant_privileges("role1", [self.PRIVILEGES[1]])
        assert len(admin.admin_query_role("role1")["privileges"]) == 2
        admin.admin_revoke_privileges("role1", [self.PRIVILEGES[0]])
        assert admin.admin_query_role("role1")["privileges"] == [self.PRIVILEGES[1]]

    def test_allowlists(self, secured: DevCluster, admin: Client) -> None:
        admin.admin_create_role("role1", [{"code": aerospike_py.PRIV_READ}])
        admin.admin_create_user("user1", "pass", ["role1"])
        admin.admin_set_whitelist("role1", ["10.0.0.0/8", "192.168.1.1"])
        assert admin.admin_query_role("role1")["allowlist"] == ["10.0.0.0/8", "192.168.1.1"]
        with pytest.raises(AdminError) as caught:
            log_in(secured, "user1", "pass").exists(("test", "demo", 1))
        assert caught.value.result_code == 82
        admin.admin_set_whitelist("role1", [])
        assert admin.admin_query_role("role1")["allowlist"] == []
        with log_in(secured, "user1", "pass") as client:
            client.exists(("test", "demo", 1))

    def test_quotas(self, admin: Client) -> None:
        admin.admin_create_role("role1", [{"code": aerospike_py.PRIV_READ}])
        admin.admin_set_quotas("role1", read_quota=1000, write_quota=500)
        info = admin.admin_query_role("role1")
        assert (info["read_quota"], info["write_quota"]) == (1000, 500)

    def test_all_at_once(self, admin: Client) -> None:
        admin.admin_create_role(
            "role1",
            [{"code": aerospike_py.PRIV_READ_WRITE}],
            whitelist=["127.0.0.1"],
            read_quota=7,
            write_quota=8,
        )
        assert admin.admin_query_role("role1") == {
            "name": "role1",
            "privileges": [{"code": aerospike_py.PRIV_READ_WRITE, "ns": "", "set": ""}],
            "allowlist": ["127.0.0.1"],
            "read_quota": 7,
            "write_quota": 8,
        }

    def test_errors(self, admin: Client) -> None:
        admin.admin_create_role("role1", [{"code": aerospike_py.PRIV_READ}])
        calls: list[tuple[int, Any]] = [
            (71, lambda: admin.admin_create_role("role1", [{"code": aerospike_py.PRIV_READ}])),
            (70, lambda: admin.admin_drop_role("no-such-role")),
            (70, lambda: admin.admin_set_quotas("no-such-role", 1, 1)),
            (70, lambda: admin.admin_set_whitelist("no-such-role", [])),
        ]
        for code, call in calls:
            with pytest.raises(AdminError) as caught:
                call()
            assert caught.value.result_code == code

    def test_arguments(self, admin: Client) -> None:
        wrong: Any
        for wrong in ({"ns": "test"}, {"code": 1, "namespace": "test"}, {"code": 256}):
            with pytest.raises(InvalidArgError):
                admin.admin_create_role("role1", [wrong])
        for wrong in (["read"], {"code": 1}, "read", None):
            with pytest.raises(TypeError):
                admin.admin_create_role("role1", wrong)
        with pytest.raises(InvalidArgError):
            admin.admin_grant_privileges("role1", [])
        privilege: Any = {"code": aerospike_py.PRIV_SYS_ADMIN, "ns": "test"}
        with pytest.raises(InvalidArgError, match="limited"):
            admin.admin_create_role("role1", [privilege])
        with pytest.raises(InvalidArgError):
            admin.admin_set_quotas("role1", -1, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestOracle:
    def test_theirs_sees_what_ours_did(self, admin: Client, theirs: Any) -> None:
        admin.admin_create_role(
            "role1",
            [{"code": aerospike_py.PRIV_READ, "ns": "test", "set": "demo"}],
            whitelist=["10.0.0.0/8"],
            read_quota=5,
            write_quota=6,
        )
        admin.admin_create_user("user1", "pass", ["role1", "read"])
        seen = theirs.admin_get_role("role1")
        assert seen["privileges"] == [{"code": aerospike_py.PRIV_READ, "ns": "test", "set": "demo"}]
        assert seen["whitelist"] == ["10.0.0.0/8"]
        assert (seen["read_quota"], seen["write_quota"]) == (5, 6)
        assert sorted(theirs.admin_query_user_info("user1")["roles"]) == ["read", "role1"]
        theirs.admin_drop_user("user1")
        with pytest.raises(AdminError):
            admin.admin_query_user_info("user1")

    def test_ours_sees_what_theirs_did(self, admin: Client, theirs: Any) -> None:
        privileges = [{"code": aerospike_py.PRIV_WRITE, "ns": "test", "set": ""}]
        theirs.admin_create_role("role1", privileges, None, ["127.0.0.1"], 1, 2)
        theirs.admin_create_user("user1", "pass", ["role1"])
        assert admin.admin_query_role("role1") == {
            "name": "role1",
            "privileges": privileges,
            "allowlist": ["127.0.0.1"],
            "read_quota": 1,
            "write_quota": 2,
        }
        assert admin.admin_query_user_info("user1")["roles"] == ["role1"]
        # The password's hash is the same, whoever makes it.
        theirs.admin_change_password("admin", "other")
        theirs.admin_change_password("admin", "admin")


def test_a_server_without_security(client: Client) -> None:
    calls: list[Any] = [
        lambda: client.admin_create_user("u", "p", ["read"]),
        lambda: client.admin_drop_user("u"),
        lambda: client.admin_change_password("u", "p"),
        lambda: client.admin_grant_roles("u", ["read"]),
        lambda: client.admin_revoke_roles("u", ["read"]),
        lambda: client.admin_query_user_info("u"),
        lambda: client.admin_query_users_info(),
        lambda: client.admin_create_role("r", [{"code": aerospike_py.PRIV_READ}]),
        lambda: client.admin_drop_role("r"),
        lambda: client.admin_grant_privileges("r", [{"code": aerospike_py.PRIV_READ}]),
        lambda: client.admin_revoke_privileges("r", [{"code": aerospike_py.PRIV_READ}]),
        lambda: client.admin_query_role("r"),
        lambda: client.admin_query_roles(),
        lambda: client.admin_set_whitelist("r", []),
        lambda: client.admin_set_quotas("r", 1, 1),
    ]
    for call in calls:
        with pytest.raises(AdminError, match=r"security is not (supported|enabled)") as caught:
            call()
        assert caught.value.result_code in (51, 52)
