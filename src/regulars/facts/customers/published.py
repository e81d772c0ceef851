"""What the warehouse gets of customers: numbers, country, and since when."""

from regulars.runtime.database.published import PublishedTable

PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="customers",
        key="customer_id",
        # Joined records stay, with the person they belong to: what came with them can be told apart.
        sql="SELECT id AS customer_id, COALESCE(person_id, id) AS person_id, country, first_seen_at, origin,"
        " changed_xid FROM customers_customer",
        columns={
            "customer_id": "int64",
            "person_id": "int64",
            "country": "text",
            "first_seen_at": "timestamp",
            "origin": "text",
        },
    ),
)
