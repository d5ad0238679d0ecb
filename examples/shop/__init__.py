"""A shop as a service: products with stock, carts that expire, orders. With tests."""
