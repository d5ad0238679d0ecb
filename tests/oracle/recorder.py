"""Both clients on a node that records what they send."""

from typing import Any

from recording_node import RecordingNode, Request

import aerospike_py


class Recorder:
    """Both clients, and what they were seen to send."""

    key = ("test", "recorded", 1)

    def __init__(self, node: RecordingNode, ours: aerospike_py.Client, theirs: Any) -> None:
        self.node = node
        self.ours = ours
        self.theirs = theirs

    def last(self) -> Request:
        """The command that was sent last."""
        return Request(self.node.requests[-1])
