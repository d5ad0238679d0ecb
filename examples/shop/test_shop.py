"""The shop's tests, on the local server that the fixtures start: `pytest examples/shop`."""

import asyncio
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

import aerospike_py
from aerospike_py.devserver import DevCluster, assert_record

from .app import app
from .store import CartChanged, NotThere, Order, Product, SoldOut, Store, ThereAlready

TEA = Product("tea", "Green tea", "drinks", 450, stock=3)
POT = Product("pot", "Pot", "kitchen", 2900, stock=1)


@pytest.fixture
async def store(aerospike_async_client: aerospike_py.AsyncClient) -> Store:
    """An empty shop with two products."""
    store = Store(aerospike_async_client)
    await store.prepare()
    await asyncio.gather(store.add(TEA), store.add(POT))
    return store


async def test_products(store: Store) -> None:
    assert await store.product("tea") == TEA
    assert await store.in_category("drinks") == [TEA]
    with pytest.raises(ThereAlready):
        await store.add(TEA)
    with pytest.raises(NotThere):
        await store.product("cup")


async def test_a_purchase(store: Store, aerospike_async_client: aerospike_py.AsyncClient) -> None:
    await store.put_in_cart("ann", "tea")
    assert await store.put_in_cart("ann", "tea") == {"tea": 2}
    assert await store.put_in_cart("ann", "pot") == {"pot": 1, "tea": 2}
    order = await store.check_out("ann")
    assert (order.lines, order.cents) == ({"pot": 1, "tea": 2}, 3800)
    assert await store.orders("ann") == [order]
    assert await store.orders("bob") == []
    record = await aerospike_async_client.get(("test", "shop_products", "tea"))
    bins = {"name": "Green tea", "category": "drinks", "cents": 450, "stock": 1}
    assert_record(record, bins, gen=2, ttl=None)
    with pytest.raises(NotThere):
        await store.cart("ann")


async def test_nothing_is_taken_when_something_is_sold_out(store: Store) -> None:
    await store.put_in_cart("ann", "tea", 3)
    await store.put_in_cart("ann", "pot", 2)
    with pytest.raises(SoldOut, match="pot"):
        await store.check_out("ann")
    assert await store.product("tea") == TEA
    assert await store.cart("ann") == {"pot": 2, "tea": 3}


async def test_the_last_piece_is_sold_once(store: Store) -> None:
    customers = [f"customer {number}" for number in range(20)]
    await asyncio.gather(*(store.put_in_cart(customer, "pot") for customer in customers))
    ends = await asyncio.gather(
        *(store.check_out(customer) for customer in customers), return_exceptions=True
    )
    assert sum(isinstance(end, Order) for end in ends) == 1
    assert sum(isinstance(end, SoldOut) for end in ends) == 19
    assert (await store.product("pot")).stock == 0


async def test_a_cart_is_bought_once(store: Store) -> None:
    await store.put_in_cart("ann", "tea")
    ends = await asyncio.gather(*(store.check_out("ann") for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(end, Order) for end in ends) == 1
    assert sum(isinstance(end, (CartChanged, SoldOut, NotThere)) for end in ends) == 2
    assert (await store.product("tea")).stock == 2


async def test_a_cart_expires(store: Store, aerospike_server: DevCluster) -> None:
    await store.put_in_cart("ann", "tea")
    aerospike_server.set_time_offset(31 * 60 * 1000)
    with pytest.raises(NotThere):
        await store.cart("ann")


async def test_it_goes_on_without_a_node(aerospike_cluster: Callable[..., DevCluster]) -> None:
    cluster = aerospike_cluster(nodes=3)
    async with aerospike_py.AsyncClient(cluster.config).connect() as client:
        store = Store(client)
        await store.prepare()
        await store.add(TEA)
        cluster.kill(1)
        assert await store.product("tea") == TEA
        assert await store.in_category("drinks") == [TEA]


def test_it_over_http(aerospike_server: DevCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ",".join(f"{host}:{port}" for host, port in aerospike_server.hosts)
    monkeypatch.setenv("AEROSPIKE_HOSTS", hosts)
    with TestClient(app) as http:
        product = {"sku": "tea", "name": "Tea", "category": "drinks", "cents": 450, "stock": 1}
        assert http.post("/products", json=product).status_code == 201
        assert http.post("/products", json=product).status_code == 409
        assert http.get("/products", params={"category": "drinks"}).json() == [product]
        assert http.post("/carts/ann", json={"sku": "cup"}).status_code == 404
        assert http.post("/carts/ann", json={"sku": "tea"}).json() == {"tea": 1}
        order = http.post("/carts/ann/order")
        assert (order.status_code, order.json()["cents"]) == (201, 450)
        assert http.get("/orders/ann").json() == [order.json()]
