"""LangGraph's checkpoints and store for Aerospike, on the local server, as they are.

pip install langgraph-checkpoint-aerospike langgraph-store-aerospike

They speak through the official client, which knows no difference between the local server and a
real one: a test of an application on them needs no cluster.
"""

from typing import TypedDict

import aerospike
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.aerospike import AerospikeSaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.aerospike import AerospikeStore

from aerospike_py.devserver import DevCluster


class State(TypedDict):
    """What the graph remembers of a conversation."""

    turns: int


def take_turn(state: State) -> State:
    return {"turns": state["turns"] + 1}


def main() -> None:
    with DevCluster() as cluster:
        client = aerospike.client({"hosts": cluster.hosts}).connect()

        builder = StateGraph(State)
        builder.add_node("turn", take_turn)
        builder.add_edge(START, "turn")
        builder.add_edge("turn", END)
        graph = builder.compile(checkpointer=AerospikeSaver(client, namespace="test"))
        thread: RunnableConfig = {"configurable": {"thread_id": "alice"}}
        graph.invoke({"turns": 0}, thread)
        print("remembered:", graph.get_state(thread).values)
        print("checkpoints:", len(list(graph.get_state_history(thread))))

        store = AerospikeStore(client, namespace="test")
        store.put(("users", "alice"), "likes", {"fruit": "apple"})
        store.put(("users", "alice"), "dislikes", {"fruit": "pear"})
        print("likes:", [each.key for each in store.search(("users",), filter={"fruit": "apple"})])
        store.delete(("users", "alice"), "likes")
        print("left:", [each.key for each in store.search(("users",))])
        client.close()


if __name__ == "__main__":
    main()
