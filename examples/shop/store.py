"""What the shop keeps in the database: products with their stock, carts, orders.

Stock is never sold twice, whoever buys at the same time: to take some is a write under a condition,
which the server carries out as one. All products of an order are one batch, with a condition in
each row; where one of them does not hold, what the others have taken is put back.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aerospike_py
from aerospike_py import ResultCode, exp
from aerospike_py import batch as rows
from aerospike_py import map_operations as mop
from aerospike_py import predicates as p
from aerospike_py.types import Key, MapPolicy, WriteMeta, WritePolicy

CART_LIVES = timedelta(minutes=30)
NEW: WritePolicy = {
    "exists": aerospike_py.POLICY_EXISTS_CREATE_ONLY,
    "key": aerospike_py.POLICY_KEY_SEND,
}
UNCHANGED: WritePolicy = {"gen": aerospike_py.POLICY_GEN_EQ}
ORDERED: MapPolicy = {"map_order": aerospike_py.MAP_KEY_ORDERED}


class ShopError(Exception):
    """The shop cannot do it; the message says why."""


class ThereAlready(ShopError):
    """There is such a product already."""


class NotThere(ShopError):
    """There is no such product or cart."""


class SoldOut(ShopError):
    """There is not as much of a product as was asked for."""


class CartChanged(ShopError):
    """Somebody else has changed the cart, or bought it, in the meantime."""


@dataclass(frozen=True)
class Product:
    """What is sold; the price is in cents."""

    sku: str
    name: str
    category: str
    cents: int
    stock: int


@dataclass(frozen=True)
class Order:
    """What was sold to whom: pieces by product, and what all of them cost."""

    id: str
    customer: str
    lines: dict[str, int]
    cents: int


class Store:
    """The shop's records, in three sets of a namespace.

    Args:
        client: A connected client; it stays the caller's.
        namespace: Where the records are.
        prefix: What the names of sets and indexes begin with.
    """

    def __init__(
        self, client: aerospike_py.AsyncClient, namespace: str = "test", prefix: str = "shop"
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._products, self._carts, self._orders = (
            f"{prefix}_{name}" for name in ("products", "carts", "orders")
        )

    async def prepare(self) -> None:
        """Creates the indexes; does nothing where they are there."""
        for set_name, name in ((self._products, "category"), (self._orders, "customer")):
            await self._client.index_string_create(
                self._namespace, set_name, name, f"{set_name}_{name}"
            )

    def _product(self, sku: str) -> Key:
        return (self._namespace, self._products, sku)

    def _cart(self, customer: str) -> Key:
        return (self._namespace, self._carts, customer)

    # Products

    async def add(self, product: Product) -> None:
        """Adds a new product."""
        bins = asdict(product)
        del bins["sku"]  # It is the key.
        try:
            await self._client.put(self._product(product.sku), bins, policy=NEW)
        except aerospike_py.RecordExistsError:
            raise ThereAlready(f"there is a product {product.sku} already") from None

    async def product(self, sku: str) -> Product:
        """A product by its number."""
        try:
            record = await self._client.get(self._product(sku))
        except aerospike_py.RecordNotFound:
            raise NotThere(f"there is no product {sku}") from None
        return Product(sku=sku, **record.bins)

    async def in_category(self, category: str) -> list[Product]:
        """The products of a category, by their numbers."""
        query = self._client.query(self._namespace, self._products)
        query.where(p.equals("category", category))
        found = [
            Product(sku=str(record.key.user_key), **(record.bins or {}))
            async for record in query
            if record.key is not None
        ]
        return sorted(found, key=lambda product: product.sku)

    # Carts

    async def put_in_cart(self, customer: str, sku: str, count: int = 1) -> dict[str, int]:
        """Puts pieces of a product into a customer's cart, which then lives for half an hour more.

        Returns:
            How many there are now of each product in the cart.
        """
        await self.product(sku)
        meta: WriteMeta = {"ttl": CART_LIVES}
        more = [
            mop.map_increment("lines", sku, count, ORDERED),
            {"op": aerospike_py.OPERATOR_READ, "bin": "lines"},
        ]
        record = await self._client.operate(self._cart(customer), more, meta)
        _, lines = (record.bins or {})["lines"]
        return dict(lines)

    async def cart(self, customer: str) -> dict[str, int]:
        """What is in a customer's cart."""
        lines, _ = await self._read_cart(customer)
        return lines

    async def _read_cart(self, customer: str) -> tuple[dict[str, int], int]:
        """What is in a cart, and how often it was written."""
        try:
            record = await self._client.get(self._cart(customer))
        except aerospike_py.RecordNotFound:
            raise NotThere(f"{customer} has no cart") from None
        return dict(record.bins["lines"]), record.meta.gen

    # Orders

    async def check_out(self, customer: str) -> Order:
        """Sells what is in a customer's cart: all of it, or nothing."""
        lines, generation = await self._read_cart(customer)
        products = await self._take(lines)
        try:
            await self._client.remove(self._cart(customer), {"gen": generation}, UNCHANGED)
        except (aerospike_py.RecordGenerationError, aerospike_py.RecordNotFound):
            await self._put_back(lines)
            raise CartChanged(f"the cart of {customer} has changed") from None
        cents = sum(products[sku] * count for sku, count in lines.items())
        order = Order(uuid4().hex, customer, lines, cents)
        key = (self._namespace, self._orders, order.id)
        await self._client.put(
            key, {"customer": customer, "lines": lines, "cents": cents}, None, NEW
        )
        return order

    async def _take(self, lines: dict[str, int]) -> dict[str, int]:
        """Takes pieces out of the stock; returns the prices by product."""
        taken: dict[str, int] = {}
        prices: dict[str, int] = {}
        missing: list[str] = []
        for (sku, count), row in zip(lines.items(), await self._change(lines, -1), strict=True):
            if row.bins is not None:
                taken[sku] = count
                prices[sku] = row.bins["cents"]
            elif row.result in (ResultCode.FILTERED_OUT, ResultCode.RECORD_NOT_FOUND):
                missing.append(sku)
            elif row.error is not None:
                raise row.error
        if missing:
            await self._put_back(taken)
            raise SoldOut(f"there is not enough of {', '.join(missing)}")
        return prices

    async def _put_back(self, lines: dict[str, int]) -> None:
        for row in await self._change(lines, 1):
            if row.error is not None:
                raise row.error

    async def _change(self, lines: dict[str, int], sign: int) -> aerospike_py.BatchRecords:
        """Adds to the stock, or takes from it as long as there is as much."""
        changes = []
        for sku, count in lines.items():
            operations: list[dict[str, Any]] = [
                {"op": aerospike_py.OPERATOR_INCR, "bin": "stock", "val": sign * count},
                {"op": aerospike_py.OPERATOR_READ, "bin": "cents"},
            ]
            enough = exp.parse("$.stock >= %s", count if sign < 0 else 0)
            key = self._product(sku)
            changes.append(rows.operate(key, operations, policy={"expressions": enough}))
        return await self._client.batch(changes)

    async def orders(self, customer: str) -> list[Order]:
        """A customer's orders, in no order."""
        query = self._client.query(self._namespace, self._orders)
        query.where(p.equals("customer", customer))
        return [
            Order(id=str(record.key.user_key), **(record.bins or {}))
            async for record in query
            if record.key is not None
        ]
