"""The customers as a relation that rooms above may join in SQL of their own.

    from regulars.facts.customers.relation import CUSTOMERS
    f"SELECT customer.country FROM {CUSTOMERS} AS customer JOIN … ON customer.id = …"

Columns that stay, under these names and types: `id` bigint, the key, highest for the newest; `public_id` uuid;
`country` varchar(2), two capitals or null; `language` varchar(10) or null; `first_seen_at` timestamptz or null.
`person_id` bigint is null where the record stands for itself: lists of people have those alone.
`id` and (`country`, `id`) are indexed. Read only: whatever changes customers goes through `customers`.
"""

from typing import Final

CUSTOMERS: Final = "customers_customer"
COLUMNS: Final = ("id", "public_id", "country", "language", "first_seen_at", "person_id")
#: The records of one person, as a query of their numbers; `customer` names the parameter. For facts kept by record.
RECORDS_OF: Final = (
    "(SELECT %(customer)s::bigint UNION ALL SELECT id FROM customers_customer WHERE person_id = %(customer)s)"
)
