"""What the warehouse gets of customers: numbers, country, since when; their tags, and what of profiles is no secret."""

from regulars.facts.customers import permissions
from regulars.runtime.database.published import Published, PublishedAnswers, PublishedTable

PUBLISHED: tuple[Published, ...] = (
    PublishedTable(
        name="customers",
        key="customer_id",
        noted="customers_customer",
        # Joined records stay, with the person they belong to: what came with them can be told apart.
        sql="SELECT id AS customer_id, COALESCE(person_id, id) AS person_id, country, first_seen_at, origin, language,"
        " changed_xid FROM customers_customer",
        columns={
            "customer_id": "int64",
            "person_id": "int64",
            "country": "text",
            "first_seen_at": "timestamp",
            "origin": "text",
            "language": "text",
        },
    ),
    PublishedTable(
        name="profiles",
        key="customer_id",
        noted="customers_profile",
        # Whether a contact is known; which one it is stays sealed.
        sql="SELECT customer_id, email_digest IS NOT NULL AS has_email, phone_digest IS NOT NULL AS has_phone,"
        " changed_xid FROM customers_profile",
        columns={"customer_id": "int64", "has_email": "bool", "has_phone": "bool"},
    ),
    PublishedTable(
        name="customer_values",
        key="value_id",
        # The shop's own traits are called trait.…; a list has a row for each item. What is personal is not among them.
        sql="SELECT id AS value_id, customer_id, name, kind, value, changed_xid FROM customers_value",
        columns={"value_id": "int64", "customer_id": "int64", "name": "text", "kind": "text", "value": "text"},
    ),
    PublishedTable(
        name="customer_tags",
        key="tagged_id",
        # A tag stands with the record it was told of: of a person the row told last counts. One taken off stays.
        sql="SELECT number AS tagged_id, customer_id, tag_id AS tag, is_on, at, changed_xid FROM customers_tagged",
        columns={
            "tagged_id": "int64",
            "customer_id": "int64",
            "tag": "text",
            "is_on": "bool",
            "at": "timestamp",
        },
    ),
    PublishedTable(
        name="householders",
        key="householder_id",
        # A stay that never ended holds, unless another record of the person left that home later.
        sql="SELECT id AS householder_id, household_id, customer_id, since_at, until_at, changed_xid"
        " FROM customers_householder",
        columns={
            "householder_id": "int64",
            "household_id": "int64",
            "customer_id": "int64",
            "since_at": "timestamp",
            "until_at": "timestamp",
        },
    ),
    PublishedAnswers(
        name="permissions",
        key="customer_id",
        columns=dict.fromkeys(permissions.COLUMNS, "bool"),
        nobody=permissions.NOBODY,
        touched=permissions.TOUCHED,
        basis=permissions.basis,
        ask=lambda people, at: permissions.of(people, at=at),
    ),
)
