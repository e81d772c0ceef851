"""What somebody did and what it was about, in words: "Viewed Monopoly". Without a subject, events have their names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.facts.events import spec, words
from regulars.facts.events.spec import Browsed, Checkout, Coupon, Met, Order, Product, Review, Touched, View

LONGEST_SUBJECT = 80
PAGE, SCREEN = ":page", ":screen"


@dataclass(frozen=True)
class _Phrase:
    """`plain` where the event does not say what it was about. Of several the more telling is shown."""

    about: Any
    weight: int
    plain: Any = None


_KNOWN: Mapping[str, _Phrase] = {
    PAGE: _Phrase(_("Looked at the page “%(what)s”"), 0, _("Looked at a page")),
    SCREEN: _Phrase(_("Looked at the screen “%(what)s”"), 0, _("Looked at a screen")),
    "Products Searched": _Phrase(_("Searched for “%(what)s”"), 3),
    "Product List Viewed": _Phrase(_("Looked through %(what)s"), 2),
    "Product List Filtered": _Phrase(_("Narrowed down %(what)s"), 2),
    "Promotion Viewed": _Phrase(_("Saw the promotion %(what)s"), 1),
    "Promotion Clicked": _Phrase(_("Followed the promotion %(what)s"), 3),
    "Product Clicked": _Phrase(_("Clicked on %(what)s"), 3),
    "Product Viewed": _Phrase(_("Viewed %(what)s"), 4),
    "Product Added": _Phrase(_("Put %(what)s into the cart"), 6),
    "Product Removed": _Phrase(_("Took %(what)s out of the cart"), 6),
    "Cart Viewed": _Phrase(None, 5),
    "Checkout Started": _Phrase(None, 7),
    "Checkout Step Viewed": _Phrase(_("Saw step %(what)s of the checkout"), 7),
    "Checkout Step Completed": _Phrase(_("Finished step %(what)s of the checkout"), 7),
    "Payment Info Entered": _Phrase(None, 7),
    "Order Completed": _Phrase(_("Placed order %(what)s"), 9),
    "Order Updated": _Phrase(_("Order %(what)s changed"), 8),
    "Order Refunded": _Phrase(_("Order %(what)s refunded"), 9),
    "Order Cancelled": _Phrase(_("Order %(what)s cancelled"), 9),
    "Coupon Entered": _Phrase(_("Entered the coupon %(what)s"), 5),
    "Coupon Applied": _Phrase(_("Used the coupon %(what)s"), 6),
    "Coupon Denied": _Phrase(_("Coupon %(what)s denied"), 6),
    "Coupon Removed": _Phrase(_("Took the coupon %(what)s back"), 5),
    "Product Added to Wishlist": _Phrase(_("Put %(what)s on the wish list"), 6),
    "Product Removed from Wishlist": _Phrase(_("Took %(what)s off the wish list"), 5),
    "Wishlist Product Added to Cart": _Phrase(_("Moved %(what)s from the wish list to the cart"), 6),
    "Product Shared": _Phrase(_("Shared %(what)s"), 7),
    "Cart Shared": _Phrase(None, 7),
    "Product Reviewed": _Phrase(_("Reviewed %(what)s"), 8),
    "Store Visited": _Phrase(_("Visited the store %(what)s"), 8),
    "Till Sale": _Phrase(_("Bought in a store, receipt %(what)s"), 9),
    "Till Return": _Phrase(_("Brought something back to a store, receipt %(what)s"), 9),
    "Service Contact": _Phrase(_("Contacted the service: %(what)s"), 8),
    "Post Published": _Phrase(_("Published a post: %(what)s"), 7),
}
#: An event of the sender's own weighs like looking at a product.
_OF_THEIR_OWN = _Phrase(None, 4)


def _of_product(product: Product) -> str:
    return product.title or product.ref


#: What an event was about, by what it tells of.
_SUBJECTS: Mapping[type, Callable[[Any], str]] = {
    Browsed: lambda view: view.query or view.promotion or view.promotion_id or view.category or view.list_id,
    Touched: lambda view: _of_product(view.product),
    Checkout: lambda view: view.step,
    Order: lambda view: view.order_id or view.return_id,
    Coupon: lambda view: view.title or view.coupon,
    Review: lambda view: view.product_ref,
    Met: lambda view: view.store or view.topic or view.channel,
}


def weight(name: str) -> int:
    """How telling an event of this name is among others of a visit."""
    return _KNOWN.get(spec.canonical(name), _OF_THEIR_OWN).weight


def subject(name: str, properties: Mapping[str, Any], called: str = "") -> str:
    """What the event was about, as it says itself; `called` is a page's own name."""
    if name in (PAGE, SCREEN):
        return called[:LONGEST_SUBJECT]
    found = spec.read(name, properties)
    return "" if found is None else _subject(found.view)[:LONGEST_SUBJECT]


def _subject(view: View) -> str:
    of = _SUBJECTS.get(type(view))
    return "" if of is None else of(view).strip()


def told(name: str, what: str) -> str:
    """In the reader's language: "Viewed Monopoly"."""
    phrase = _KNOWN.get(spec.canonical(name), _OF_THEIR_OWN)
    if what and phrase.about is not None:
        return str(phrase.about) % {"what": what}
    return words.of(name) if phrase.plain is None else str(phrase.plain)
