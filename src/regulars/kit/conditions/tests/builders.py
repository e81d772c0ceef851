"""A small shop's vocabulary, for conditions about it."""

from regulars.kit.conditions.vocabulary import Asked, Collection, Vocabulary

LINES = {
    "product": Asked("product", "text", "product"),
    "category": Asked("category", "text", "category"),
    "quantity": Asked("quantity", "decimal", "quantity"),
    "amount": Asked("amount", "money", "amount"),
}
ORDERS = Collection(
    "orders",
    "orders",
    "ordered",
    {
        "channel": Asked("channel", "text", "channel", choices={"web": "web shop", "store": "store"}),
        "total": Asked("total", "money", "total"),
        "placed_on": Asked("placed_on", "date", "day"),
        "is_gift": Asked("is_gift", "bool", "a gift"),
    },
    parts={"lines": LINES},
    part_labels={"lines": "lines"},
)
EVENTS = Collection(
    "events",
    "events",
    "did",
    {"name": Asked("name", "text", "event"), "product": Asked("product", "text", "product")},
)
FIELDS = (
    Asked("country", "text", "country", choices={"CN": "China", "GB": "Great Britain"}),
    Asked("city", "text", "city"),
    Asked("tags", "texts", "tags"),
    Asked("orders", "int64", "orders"),
    Asked("spend", "money", "spend", kind="reading"),
    Asked("weight", "decimal", "weight"),
    Asked("birthday", "date", "birthday"),
    Asked("last_seen", "timestamp", "last seen"),
    Asked("is_member", "bool", "is a member"),
    Asked("p_alive", "decimal", "chance to come back", kind="prediction"),
    Asked("email", "text", "e-mail", is_personal=True),
)
SHOP = Vocabulary(
    fields={one.name: one for one in FIELDS},
    collections={"orders": ORDERS, "events": EVENTS},
    currency="CNY",
    audiences={"aud_1": "Tea lovers"},
)
