"""A feature service: answers each request with the features of about a hundred items.

    python -m aerospike_py.devserver --nodes 3 &            # or a cluster of yours
    AEROSPIKE_HOSTS=127.0.0.1:18710 uvicorn examples.fastapi_app.app:app
    curl -X PUT 127.0.0.1:8000/items/item-1 -H 'content-type: application/json' \
        -d '{"price": 9.5, "views": 3, "sold": 1}'
    curl '127.0.0.1:8000/features?item=item-1&item=item-2'

One client for the process, connected when the service starts and closed when it ends. All items of
a request are one batch: one message to each node of the cluster. Errors of the database become HTTP
status codes in one place.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import aerospike_py
from aerospike_py.types import BatchPolicy, ClientConfig

NAMESPACE = os.environ.get("AEROSPIKE_NAMESPACE", "test")
SET = os.environ.get("AEROSPIKE_SET", "features")
FEATURES = ["price", "views", "sold"]
ITEMS_MAX = 200
# A request that a user waits for: rather an error soon than an answer late.
POLICY: BatchPolicy = {"total_timeout": 200, "max_retries": 1}


class Features(BaseModel):
    """What is known of an item."""

    price: float = Field(ge=0)
    views: int = Field(default=0, ge=0)
    sold: int = Field(default=0, ge=0)


class Answer(BaseModel):
    """The features of the items that there are, by item, and the items that there are not."""

    features: dict[str, Features]
    missing: list[str]


def configuration() -> ClientConfig:
    """The client's configuration from the environment."""
    hosts = os.environ.get("AEROSPIKE_HOSTS", "127.0.0.1:18710").split(",")
    return {"hosts": hosts, "max_concurrent_operations": 256, "operation_queue_timeout_ms": 200}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects before the first request, and closes after the last."""
    async with aerospike_py.AsyncClient(configuration()) as client:
        await client.connect()
        app.state.client = client
        yield


app = FastAPI(title="Features", lifespan=lifespan)


def client_of(request: Request) -> aerospike_py.AsyncClient:
    client: aerospike_py.AsyncClient = request.app.state.client
    return client


# The first class that an error is an instance of decides.
STATUS_CODES: list[tuple[type[aerospike_py.AerospikeError], int]] = [
    (aerospike_py.RecordNotFound, 404),
    (aerospike_py.RecordExistsError, 409),
    (aerospike_py.RecordGenerationError, 409),
    (aerospike_py.RecordTooBig, 413),
    (aerospike_py.BackpressureError, 503),
    (aerospike_py.AerospikeTimeoutError, 504),
    (aerospike_py.ClusterError, 503),
    (aerospike_py.AerospikeError, 500),
]


@app.exception_handler(aerospike_py.AerospikeError)
async def database_failed(request: Request, error: Exception) -> JSONResponse:
    """Tells of an error of the database; `in_doubt` whether a write may have happened."""
    assert isinstance(error, aerospike_py.AerospikeError)
    code = next(code for kind, code in STATUS_CODES if isinstance(error, kind))
    content: dict[str, Any] = {
        "detail": str(error),
        "result_code": error.result_code,
        "in_doubt": error.in_doubt,
    }
    headers = {"retry-after": "1"} if code == 503 else None
    return JSONResponse(content, status_code=code, headers=headers)


@app.get("/health")
async def health(request: Request, response: Response) -> dict[str, Any]:
    """200 while a node of the cluster answers, otherwise 503."""
    is_healthy = await client_of(request).ping({"timeout": 300})
    response.status_code = 200 if is_healthy else 503
    return {"aerospike": "ok" if is_healthy else "unreachable"}


@app.get("/features")
async def features(
    request: Request, item: Annotated[list[str], Query(min_length=1, max_length=ITEMS_MAX)]
) -> Answer:
    """The features of many items, with one batch."""
    keys = [(NAMESPACE, SET, each) for each in item]
    batch = await client_of(request).batch_read(keys, bins=FEATURES, policy=POLICY)
    answer = Answer(features={}, missing=[])
    for name, row in zip(item, batch, strict=True):
        if row.bins is not None:
            answer.features[name] = Features(**row.bins)
        elif isinstance(row.error, aerospike_py.RecordNotFound):
            answer.missing.append(name)
        elif row.error is not None:
            raise row.error
    return answer


@app.get("/items/{item}")
async def get_item(request: Request, item: str) -> Features:
    """One item; 404 when there is none."""
    record = await client_of(request).select((NAMESPACE, SET, item), FEATURES)
    return Features(**(record.bins or {}))


@app.put("/items/{item}", status_code=204)
async def put_item(request: Request, item: str, given: Features, create: bool = False) -> None:
    """Writes an item; with `create`, 409 when it exists."""
    exists = aerospike_py.POLICY_EXISTS_CREATE_ONLY if create else aerospike_py.POLICY_EXISTS_UPDATE
    key = (NAMESPACE, SET, item)
    await client_of(request).put(key, given.model_dump(), policy={"exists": exists})


@app.post("/items/{item}/views")
async def count_view(request: Request, item: str) -> dict[str, int]:
    """Counts a view and answers with the count, in one operation; 404 when there is no item."""
    record = await client_of(request).operate(
        (NAMESPACE, SET, item),
        [
            {"op": aerospike_py.OPERATOR_INCR, "bin": "views", "val": 1},
            {"op": aerospike_py.OPERATOR_READ, "bin": "views"},
        ],
        policy={"exists": aerospike_py.POLICY_EXISTS_UPDATE_ONLY},
    )
    if record.bins is None:
        raise HTTPException(404)
    return {"views": record.bins["views"]}


@app.delete("/items/{item}", status_code=204)
async def remove_item(request: Request, item: str) -> None:
    """Removes an item; 404 when there is none."""
    await client_of(request).remove((NAMESPACE, SET, item))


if __name__ == "__main__":
    uvicorn.run(app)
