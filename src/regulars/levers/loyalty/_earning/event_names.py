"""What programmes call an event: shops have many names for the same."""

#: The events of shops to what rules call them.
_CALLED = {
    "signed_up": "sign_up",
    "account_created": "sign_up",
    "product_reviewed": "review",
    "store_visited": "store_visit",
    "visited_store": "store_visit",
}
#: Somebody came to a store.
VISIT = "store_visit"


def called(name: str) -> str:
    """Small letters, with underscores."""
    plain = "_".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())
    return _CALLED.get(plain, plain)
