"""Info commands, node names, ping."""

import pytest

from aerospike_py import AerospikeError, Client, InvalidArgError
from aerospike_py.types import InfoNodeResult


def test_all_nodes_answer(client: Client) -> None:
    results = client.info_all("namespaces")
    assert [type(result) for result in results] == [InfoNodeResult] * 3
    assert {name for name, _, _ in results} == set(client.get_node_names())
    for _, code, response in results:
        assert code == 0
        assert "test" in response.split(";")


def test_the_answer_is_the_value_alone(client: Client) -> None:
    build = client.info_random_node("build")
    assert build.split(".")[0].isdigit()
    assert not build.endswith("\n")
    assert client.info_random_node(" build ") == build


def test_a_command_that_the_server_does_not_know(client: Client) -> None:
    with pytest.raises(AerospikeError) as caught:
        client.info_random_node("no-such-command")
    assert caught.value.result_code == 4
    assert [code for _, code, _ in client.info_all("no-such-command")] == [4, 4, 4]


@pytest.mark.parametrize("command", ["", "  ", "build\nnode", "build\0node", "\0"])
def test_a_command_is_one_line(client: Client, command: str) -> None:
    with pytest.raises(InvalidArgError):
        client.info_all(command)


def test_a_policy_with_a_timeout(client: Client) -> None:
    assert client.info_random_node("build", {"timeout": 5000})
    assert len(client.info_all("build", {"timeout": 5000})) == 3
    with pytest.raises(InvalidArgError, match="info policy"):
        client.info_all("build", {"time": 5000})  # type: ignore[typeddict-unknown-key]


def test_ping(client: Client) -> None:
    assert client.ping() is True


def test_node_names(client: Client) -> None:
    names = client.get_node_names()
    assert len(set(names)) == 3
    assert set(names) == {response for _, _, response in client.info_all("node")}
