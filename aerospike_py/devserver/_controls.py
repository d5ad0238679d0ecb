"""What can be done to a local cluster, wherever it runs: one method for each control command."""

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias

Scope: TypeAlias = Literal["message", "info", "admin", "all", "handshake"]
"""Which requests a fault is for: those about records, info, administration, or all of them; or the
beginning of TLS, which can be dropped, closed, truncated and corrupted."""


class Controls(ABC):
    """The methods of a DevCluster and of a RemoteCluster. A node is named by its index."""

    @abstractmethod
    def control(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Runs a control command by its name; the other methods do it for you."""

    def kill(self, node: int, *, lose_data: bool = False, rebalance: bool = True) -> None:
        """Takes a node away: its connections break, and its port refuses new ones.

        Args:
            node: The node's index.
            lose_data: True: it comes back empty, False: with what it had.
            rebalance: False: the other nodes do not take over its partitions yet.
        """
        self.control("kill", node=node, lose_data=lose_data, rebalance=rebalance)

    def revive(self, node: int, *, rebalance: bool = True) -> None:
        """Brings a killed node back on its port.

        Args:
            node: The node's index.
            rebalance: False: it does not get its partitions back yet.
        """
        self.control("revive", node=node, rebalance=rebalance)

    def rebalance(self) -> None:
        """Distributes the partitions over the nodes that live."""
        self.control("rebalance")

    def delay(
        self,
        milliseconds: int,
        node: int | None = None,
        *,
        count: int | None = None,
        scope: Scope = "message",
    ) -> None:
        """Delays replies.

        Args:
            milliseconds: How long.
            node: The node's index; None: all nodes.
            count: How many replies; None: all until `clear_faults`.
            scope: Which requests.
        """
        self._fault("delay", node, count, scope, delay_ms=milliseconds)

    def drop(
        self, node: int | None = None, *, count: int | None = None, scope: Scope = "message"
    ) -> None:
        """Carries requests out, and never replies; arguments as for `delay`."""
        self._fault("drop", node, count, scope)

    def close_instead(
        self, node: int | None = None, *, count: int | None = None, scope: Scope = "message"
    ) -> None:
        """Closes the connection in place of a reply; arguments as for `delay`."""
        self._fault("close", node, count, scope)

    def truncate_replies(
        self,
        length: int | None = None,
        node: int | None = None,
        *,
        count: int | None = None,
        scope: Scope = "message",
    ) -> None:
        """Sends the first `length` bytes of a reply, None: half of it, and closes.

        The other arguments are those of `delay`.
        """
        self._fault("truncate", node, count, scope, bytes=length)

    def corrupt(
        self, node: int | None = None, *, count: int | None = None, scope: Scope = "message"
    ) -> None:
        """Makes garbage of replies; arguments as for `delay`."""
        self._fault("corrupt", node, count, scope)

    def answer_with(
        self,
        result_code: int,
        node: int | None = None,
        *,
        count: int | None = None,
        scope: Scope = "message",
    ) -> None:
        """Answers with a result code in place of carrying requests out.

        Args:
            result_code: The server's code, 1 to 255.
            node: The node's index; None: all nodes.
            count: How many requests; None: all until `clear_faults`.
            scope: Which requests.
        """
        self._fault("result_code", node, count, scope, code=result_code)

    def flood(
        self,
        milliseconds: int = 1,
        node: int | None = None,
        *,
        count: int | None = None,
        scope: Scope = "message",
    ) -> None:
        """Sends empty frames in place of a reply, without an end.

        Args:
            milliseconds: How long between one frame and the next.
            node: The node's index; None: all nodes.
            count: How many requests; None: all until `clear_faults`.
            scope: Which requests.
        """
        self._fault("flood", node, count, scope, delay_ms=milliseconds)

    def answer_info(self, name: str, answer: str | bytes | None, node: int | None = None) -> None:
        """Answers an info command with any text, or any bytes.

        Args:
            name: The command, without its arguments.
            answer: The answer; None: the server's own again, as after `clear_faults`.
            node: The node's index; None: all nodes.
        """
        self.control("answer_info", name=name, answer=answer, node=node)

    def _fault(
        self, kind: str, node: int | None, count: int | None, scope: Scope, **arguments: Any
    ) -> None:
        self.control("fault", kind=kind, node=node, count=count, scope=scope, **arguments)

    def clear_faults(self, node: int | None = None) -> None:
        """Ends delays, drops and the like of a node, or of all, and what it was made to say."""
        self.control("clear_faults", node=node)

    def hang(self, node: int, on: bool = True) -> None:
        """Makes a node accept connections and read requests, and answer nothing at all."""
        self.control("hang", node=node, on=on)

    def refuse(self, node: int, on: bool = True) -> None:
        """Makes a node refuse new connections; those that are open go on."""
        self.control("refuse", node=node, on=on)

    def close_connections(self, node: int | None = None) -> None:
        """Closes the open connections of a node, or of all."""
        self.control("close_connections", node=node)

    def move_partition(self, partition: int, node: int) -> None:
        """Makes a node the master of a partition (0 to 4095)."""
        self.control("move", partition=partition, node=node)

    def partition_unavailable(self, partition: int | None = None, on: bool = True) -> None:
        """Makes a partition, or all of them, unavailable."""
        self.control("partition_unavailable", partition=partition, on=on)

    def set_time_offset(self, milliseconds: int) -> None:
        """Sets how far ahead of the real time the nodes' clocks are; records expire by them."""
        self.control("set_time_offset", ms=milliseconds)

    def revoke_sessions(self) -> None:
        """Makes all logins invalid, as when they are too old."""
        self.control("revoke_sessions")

    def end_sessions(self, user: str | None = None) -> None:
        """Ends the sessions of a user, or of all, also on the connections that are open."""
        self.control("end_sessions", user=user)

    def set_rack(self, node: int, rack: int) -> None:
        """Puts a node on a rack, and copies of its partitions on other ones."""
        self.control("set_rack", node=node, rack=rack)

    def set_regime(self, regime: int, namespace: str | None = None) -> None:
        """Sets the regime of the partitions of a namespace, or of all of them."""
        self.control("set_regime", regime=regime, namespace=namespace)

    def wipe(self, namespace: str | None = None) -> None:
        """Forgets the records of a namespace, or of all."""
        self.control("wipe", namespace=namespace)

    def counters(self) -> list[dict[str, Any]]:
        """What each node has done: connections, requests by kind, faults, bytes.

        "connections_open" are those at the moment, and "applied" the changes of records that were
        made, whatever became of the replies.
        """
        nodes: list[dict[str, Any]] = self.control("counters")["nodes"]
        return nodes

    def topology(self) -> dict[str, Any]:
        """The nodes and the generations of their tables."""
        return self.control("topology")
