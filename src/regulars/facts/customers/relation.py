"""The customers as a relation that rooms above may join in SQL of their own.

    from regulars.facts.customers.relation import CUSTOMERS
    f"SELECT customer.country FROM {CUSTOMERS} AS customer JOIN … ON customer.id = …"

Columns that stay, under these names and types: `id` bigint, the key, highest for the newest; `public_id` uuid;
`country` varchar(2), two capitals or null; `language` varchar(10) or null; `first_seen_at` timestamptz or null.
`id` and (`country`, `id`) are indexed. Read only: whatever changes customers goes through `customers`.
"""

from typing import Final

CUSTOMERS: Final = "customers_customer"
COLUMNS: Final = ("id", "public_id", "country", "language", "first_seen_at")
