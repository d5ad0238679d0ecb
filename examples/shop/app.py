"""The shop over HTTP.

    python -m aerospike_py.devserver --port 18710 --nodes 3 &     # or a cluster of yours
    AEROSPIKE_HOSTS=127.0.0.1:18710 uvicorn examples.shop.app:app
    curl -X POST 127.0.0.1:8000/products -H 'content-type: application/json' \
        -d '{"sku": "a1", "name": "Cup", "category": "kitchen", "cents": 900, "stock": 2}'
    curl -X POST 127.0.0.1:8000/carts/ann -H 'content-type: application/json' -d '{"sku": "a1"}'
    curl -X POST 127.0.0.1:8000/carts/ann/order
    curl 127.0.0.1:8000/orders/ann

`python -m examples.shop.app` starts it, too.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import aerospike_py

if not __package__:  # A file by itself is of no package, and finds nothing beside it.
    sys.exit("start it where the folder examples is: python -m examples.shop.app")

from .store import (
    CartChanged,
    NotThere,
    Order,
    Product,
    ShopError,
    SoldOut,
    Store,
    ThereAlready,
)

STATUS_CODES: dict[type[ShopError], int] = {
    NotThere: 404,
    ThereAlready: 409,
    SoldOut: 409,
    CartChanged: 409,
}


class Line(BaseModel):
    """Pieces of a product."""

    sku: str
    count: int = Field(default=1, gt=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects before the first request, and closes after the last."""
    hosts = os.environ.get("AEROSPIKE_HOSTS", "127.0.0.1:18710").split(",")
    prefix = os.environ.get("SHOP_PREFIX", "shop")
    async with aerospike_py.AsyncClient({"hosts": hosts}).connect() as client:
        app.state.store = Store(client, prefix=prefix)
        await app.state.store.prepare()
        yield


def store_of(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


app = FastAPI(title="Shop", lifespan=lifespan)
UsedStore = Annotated[Store, Depends(store_of)]


@app.exception_handler(ShopError)
async def refused(request: Request, error: Exception) -> JSONResponse:
    """What the shop cannot do is the customer's to know."""
    code = next(code for kind, code in STATUS_CODES.items() if isinstance(error, kind))
    return JSONResponse({"detail": str(error)}, status_code=code)


@app.post("/products", status_code=201)
async def add(store: UsedStore, product: Product) -> None:
    await store.add(product)


@app.get("/products")
async def in_category(store: UsedStore, category: str) -> list[Product]:
    return await store.in_category(category)


@app.post("/carts/{customer}")
async def put_in_cart(store: UsedStore, customer: str, line: Line) -> dict[str, int]:
    return await store.put_in_cart(customer, line.sku, line.count)


@app.post("/carts/{customer}/order", status_code=201)
async def check_out(store: UsedStore, customer: str) -> Order:
    return await store.check_out(customer)


@app.get("/orders/{customer}")
async def orders(store: UsedStore, customer: str) -> list[Order]:
    return await store.orders(customer)


if __name__ == "__main__":
    uvicorn.run(app)
