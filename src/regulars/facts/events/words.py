"""What events are called where people read."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.events import spec

_WORDS: Final[Mapping[str, Promise]] = {
    "Products Searched": _("Searched for products"),
    "Product List Viewed": _("Looked at a list of products"),
    "Product List Filtered": _("Filtered a list of products"),
    "Product Clicked": _("Clicked a product"),
    "Product Viewed": _("Looked at a product"),
    "Promotion Viewed": _("Saw a promotion"),
    "Promotion Clicked": _("Clicked a promotion"),
    "Product Added": _("Put a product into the cart"),
    "Product Removed": _("Took a product out of the cart"),
    "Cart Viewed": _("Looked at the cart"),
    "Checkout Started": _("Went to the checkout"),
    "Checkout Step Viewed": _("Saw a step of the checkout"),
    "Checkout Step Completed": _("Finished a step of the checkout"),
    "Payment Info Entered": _("Entered how to pay"),
    "Order Completed": _("Placed an order"),
    "Order Updated": _("Order changed"),
    "Order Refunded": _("Order refunded"),
    "Order Cancelled": _("Order cancelled"),
    "Coupon Entered": _("Entered a coupon"),
    "Coupon Applied": _("Used a coupon"),
    "Coupon Denied": _("Coupon denied"),
    "Coupon Removed": _("Took a coupon back"),
    "Product Added to Wishlist": _("Put a product onto the wish list"),
    "Product Removed from Wishlist": _("Took a product off the wish list"),
    "Wishlist Product Added to Cart": _("Moved a product from the wish list to the cart"),
    "Product Shared": _("Shared a product"),
    "Cart Shared": _("Shared the cart"),
    "Product Reviewed": _("Reviewed a product"),
    "Store Visited": _("Visited a store"),
    "Till Sale": _("Bought in a store"),
    "Till Return": _("Brought something back to a store"),
    "Service Contact": _("Contacted the service"),
    "Post Published": _("Published a post"),
}


def of(name: str) -> str:
    """How people read an event of this name, in the reader's language; the name itself where it is the sender's own."""
    return str(_WORDS.get(spec.canonical(name), name))
