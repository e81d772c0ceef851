"""What customers do in shops, by name, and what each such event tells, as typed values. Pure.

The names are those of Segment's e-commerce specification, second version, in its spelling; those of its first version
and other spellings are understood as the same. Beside them stand what it has no name for: visits, tills, service,
posts. An event keeps the name it was told under; what it is, is derived when it is read, so that a name understood
later is understood in old events too.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal

from regulars.facts.events.messages import KINDS

Group = Literal[
    "browsing", "promotion", "cart", "checkout", "order", "coupon", "wishlist", "sharing", "review", "visit"
]


@dataclass(frozen=True)
class Known:
    """An event that is understood: its name, what it belongs to, and the other names it comes under."""

    name: str
    group: Group
    aliases: tuple[str, ...] = ()


KNOWN: Final[tuple[Known, ...]] = (
    Known("Products Searched", "browsing", ("Searched Products",)),
    Known("Product List Viewed", "browsing", ("Viewed Product Category", "Viewed Product List")),
    Known("Product List Filtered", "browsing", ("Filtered Product List",)),
    Known("Product Clicked", "browsing", ("Clicked Product",)),
    Known("Product Viewed", "browsing", ("Viewed Product",)),
    Known("Promotion Viewed", "promotion", ("Viewed Promotion",)),
    Known("Promotion Clicked", "promotion", ("Clicked Promotion",)),
    Known("Product Added", "cart", ("Added Product",)),
    Known("Product Removed", "cart", ("Removed Product",)),
    Known("Cart Viewed", "cart", ("Viewed Cart",)),
    Known("Checkout Started", "checkout", ("Started Order", "Started Checkout", "Order Started")),
    Known("Checkout Step Viewed", "checkout", ("Viewed Checkout Step",)),
    Known("Checkout Step Completed", "checkout", ("Completed Checkout Step",)),
    Known("Payment Info Entered", "checkout", ("Entered Payment Info",)),
    Known("Order Completed", "order", ("Completed Order",)),
    Known("Order Updated", "order", ("Updated Order",)),
    Known("Order Refunded", "order", ("Refunded Order",)),
    Known("Order Cancelled", "order", ("Cancelled Order", "Order Canceled", "Canceled Order")),
    Known("Coupon Entered", "coupon", ("Entered Coupon",)),
    Known("Coupon Applied", "coupon", ("Applied Coupon",)),
    Known("Coupon Denied", "coupon", ("Denied Coupon",)),
    Known("Coupon Removed", "coupon", ("Removed Coupon",)),
    Known("Product Added to Wishlist", "wishlist", ("Added Product to Wishlist",)),
    Known("Product Removed from Wishlist", "wishlist", ("Removed Product from Wishlist",)),
    Known("Wishlist Product Added to Cart", "wishlist", ("Added Wishlist Product to Cart",)),
    Known("Product Shared", "sharing", ("Shared Product",)),
    Known("Cart Shared", "sharing", ("Shared Cart",)),
    Known("Product Reviewed", "review", ("Reviewed Product",)),
    Known("Store Visited", "visit", ("Visited Store",)),
    Known("Till Sale", "order"),
    Known("Till Return", "order"),
    Known("Service Contact", "visit", ("Service Contacted",)),
    Known("Post Published", "sharing", ("Published Post",)),
)
#: Blanks, dashes, underscores and case do not make another name: programs write product_viewed and productViewed.
_SEPARATORS = " _-"
_WITHOUT_SEPARATORS = str.maketrans("", "", _SEPARATORS)
_LONGEST_TEXT = 200
#: Nobody pays more, and a column of prices holds no more.
LARGEST_AMOUNT = Decimal(10) ** 12
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})", re.ASCII)
#: An order of a wholesaler has a few thousand; one of ten thousand holds up other orders for some seconds.
MOST_PRODUCTS = 10_000
#: What shops call the money of a refund where they do not say `total`.
GOING_BACK: Final = ("refund_amount", "refundAmount", "amount", "revenue")


def _tidy(name: str) -> str:
    return name.translate(_WITHOUT_SEPARATORS).lower()


#: What is understood, by its names without blanks, dashes, underscores and case.
BY_TIDY: Final[Mapping[str, Known]] = {_tidy(name): one for one in KNOWN for name in (one.name, *one.aliases)}
#: An `event`'s name as BY_TIDY has it, in SQL.
TIDY_IN_SQL: Final = f"lower(translate(event.name, '{_SEPARATORS}', ''))"


def known(name: str) -> Known | None:
    """The event that comes under this name; None for one of the sender's own."""
    return BY_TIDY.get(_tidy(name))


def canonical(name: str) -> str:
    """The name the event is known by; the told one where it is one of the sender's own."""
    found = known(name)
    return name if found is None else found.name


def sql_of(names: Collection[str]) -> str:
    """The condition, in SQL, under which an `event` is known by one of these names."""
    told = sorted({_tidy(told) for one in KNOWN if one.name in names for told in (one.name, *one.aliases)})
    listed = ", ".join(f"'{name}'" for name in told)
    return f"event.kind = {KINDS['track']} AND {TIDY_IN_SQL} IN ({listed})"


@dataclass(frozen=True)
class Problem:
    """A field that could not be read as what it should be: where, what it said, and the mend."""

    field: str
    value: str
    mend: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r}; {self.mend}" if self.value else f"{self.field}: {self.mend}"


@dataclass(frozen=True)
class Product:
    """A product as an event tells of it. `ref` is by what it is known: its id, else its number in the shop (SKU)."""

    ref: str
    sku: str
    title: str
    category: str
    brand: str
    variant: str
    price: Decimal | None
    quantity: Decimal | None
    position: int | None
    coupon: str


@dataclass(frozen=True)
class Browsed:
    """A search, a list, or a promotion. What was not told is empty."""

    query: str
    list_id: str
    category: str
    promotion_id: str
    promotion: str
    products: Sequence[Product]


@dataclass(frozen=True)
class Touched:
    """One product: clicked, viewed, put into a cart or onto a wish list, taken out of one, shared."""

    product: Product
    cart_id: str
    wishlist_id: str
    shared_via: str


@dataclass(frozen=True)
class Cart:
    """A cart with what is in it: viewed or shared."""

    cart_id: str
    shared_via: str
    products: Sequence[Product]


@dataclass(frozen=True)
class Checkout:
    """A step on the way to an order."""

    checkout_id: str
    order_id: str
    step: str
    shipping_method: str
    payment_method: str
    value: Decimal | None
    currency: str
    products: Sequence[Product]


@dataclass(frozen=True)
class Order:
    """An order, a change of it, money back for it, or a till's sale or return; amounts in major units, None where
    nothing was told.

    `revenue` is without shipping and tax, `total` with both; `subtotal` is the goods' after discounts, before either.
    """

    order_id: str
    return_id: str
    channel: str
    store: str
    till: str
    currency: str
    subtotal: Decimal | None
    total: Decimal | None
    revenue: Decimal | None
    shipping: Decimal | None
    tax: Decimal | None
    discount: Decimal | None
    coupon: str
    products: Sequence[Product]


@dataclass(frozen=True)
class Coupon:
    """A coupon entered, applied, denied or removed."""

    coupon: str
    title: str
    order_id: str
    cart_id: str
    discount: Decimal | None
    reason: str


@dataclass(frozen=True)
class Review:
    """A review. What it says in words is personal and not here."""

    review_id: str
    product_ref: str
    rating: Decimal | None


@dataclass(frozen=True)
class Met:
    """A visit to a store, a contact with the service, a post: where, by which way, about what."""

    id: str
    store: str
    channel: str
    topic: str


View = Browsed | Touched | Cart | Checkout | Order | Coupon | Review | Met


@dataclass(frozen=True)
class Read:
    """What an event tells, and what in it could not be read and was left out."""

    view: View
    problems: Sequence[Problem]


def read(name: str, properties: Mapping[str, Any]) -> Read | None:
    """What an event of this name tells; None for one that is not understood. Numbers are whole or Decimal."""
    found = known(name)
    if found is None:
        return None
    told = _Told(properties)
    view = _READERS[found.name](told)
    return Read(view, told.problems)


def named(name: str, properties: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Reference and title, one of them at least, of the products that an event about one of them, or about an order,
    names: what `read` finds, for a fifth of the work."""
    found = known(name)
    reader = None if found is None else _READERS[found.name]
    told = _Told(properties)
    ones = [told] if reader is _touched else told.many("products") if reader is _order else []
    return [pair for pair in map(_name, ones) if any(pair)]


def order(properties: Mapping[str, Any]) -> tuple[Order, Sequence[Problem]]:
    """The order an event tells of, and what in it could not be read."""
    told = _Told(properties)
    return _order(told), told.problems


def refund(properties: Mapping[str, Any]) -> tuple[Order, Sequence[Problem]]:
    """`order` for money going back. Its amount stands under more names than an order's: one that is overlooked makes a
    part of the money the whole of it."""
    told = _Told(properties)
    found = _order(told)
    if found.total is None:
        found = replace(found, total=told.amount(*GOING_BACK))
    return found, told.problems


@dataclass
class _Told:
    """An object's fields under any of their names; what cannot be read is None or empty, and a problem."""

    fields: Mapping[str, Any]
    path: str = ""
    problems: list[Problem] = field(default_factory=list)

    def text(self, *names: str) -> str:
        name, value = self._first(names)
        if value is None:
            return ""
        if isinstance(value, bool | float | list | dict):
            self._no(name, value, "send text")
            return ""
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        text = str(value).strip()
        if not text.isprintable():
            text = "".join(one for one in text if one.isprintable())
        if len(text) > _LONGEST_TEXT:
            self._no(name, text, f"send at most {_LONGEST_TEXT} characters")
            return ""
        return text

    def amount(self, *names: str) -> Decimal | None:
        """A number as it was written, exactly; from text too, where there is nothing but the number."""
        name, value = self._first(names)
        if value is None:
            return None
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = Decimal(value.strip())
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self._no(name, value, "send a number like 19.90, without currency and grouping")
            return None
        value = Decimal(value)
        if not -LARGEST_AMOUNT < value < LARGEST_AMOUNT:
            self._no(name, value, "send an amount that somebody pays, in the currency's main unit")
            return None
        return value

    def whole(self, *names: str) -> int | None:
        value = self.amount(*names)
        return int(value) if value is not None and value == int(value) else None

    def many(self, *names: str) -> list["_Told"]:
        name, value = self._first(names)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MOST_PRODUCTS:
            self._no(name, "", f"send a list of at most {MOST_PRODUCTS} objects")
            return []
        found = []
        for place, one in enumerate(value):
            if isinstance(one, dict):
                found.append(_Told(one, f"{self.path}{name}[{place}].", self.problems))
            else:
                self._no(f"{name}[{place}]", one, "send an object")
        return found

    def _first(self, names: Sequence[str]) -> tuple[str, Any]:
        for name in names:
            value = self.fields.get(name)
            if value is not None and value != "":
                return name, value
        return names[0], None

    def _no(self, name: str, value: object, mend: str) -> None:
        shown = "" if isinstance(value, dict | list) else str(value)[:40]
        self.problems.append(Problem(f"{self.path}{name}", shown, mend))


def _name(told: _Told) -> tuple[str, str]:
    return told.text("product_id", "productId", "id") or told.text("sku"), told.text("name", "title")


def _product(told: _Told) -> Product:
    ref, title = _name(told)
    return Product(
        ref=ref,
        sku=told.text("sku"),
        title=title,
        category=told.text("category"),
        brand=told.text("brand"),
        variant=told.text("variant"),
        price=told.amount("price"),
        quantity=told.amount("quantity"),
        position=told.whole("position"),
        coupon=told.text("coupon", "coupon_id"),
    )


def _products(told: _Told) -> list[Product]:
    return [_product(one) for one in told.many("products")]


def _browsed(told: _Told) -> Browsed:
    query = told.fields.get("query")
    return Browsed(
        query="" if isinstance(query, dict | list) else told.text("query"),
        list_id=told.text("list_id", "listId"),
        category=told.text("category"),
        promotion_id=told.text("promotion_id", "promotionId", "id"),
        promotion=told.text("name"),
        products=_products(told),
    )


def _touched(told: _Told) -> Touched:
    return Touched(
        _product(told), told.text("cart_id", "cartId"), told.text("wishlist_id", "wishlistId"), told.text("share_via")
    )


def _cart(told: _Told) -> Cart:
    return Cart(told.text("cart_id", "cartId"), told.text("share_via"), _products(told))


def _checkout(told: _Told) -> Checkout:
    return Checkout(
        checkout_id=told.text("checkout_id", "checkoutId"),
        order_id=told.text("order_id", "orderId"),
        step=told.text("step"),
        shipping_method=told.text("shipping_method", "shippingMethod"),
        payment_method=told.text("payment_method", "paymentMethod"),
        value=told.amount("value", "total", "revenue"),
        currency=told.text("currency").upper(),
        products=_products(told),
    )


def _order(told: _Told) -> Order:
    return Order(
        order_id=told.text("order_id", "orderId", "receipt_id", "receiptId"),
        return_id=told.text("return_id", "returnId", "refund_id", "refundId"),
        channel=told.text("channel"),
        store=told.text("store_id", "storeId", "store"),
        till=told.text("till_id", "tillId", "till"),
        currency=told.text("currency").upper(),
        subtotal=told.amount("subtotal"),
        total=told.amount("total", "value"),
        revenue=told.amount("revenue"),
        shipping=told.amount("shipping"),
        tax=told.amount("tax"),
        discount=told.amount("discount"),
        coupon=told.text("coupon", "coupon_id"),
        products=_products(told),
    )


def _coupon(told: _Told) -> Coupon:
    return Coupon(
        # The specification's table says coupon_id, its example coupon.
        coupon=told.text("coupon_id", "couponId", "coupon"),
        title=told.text("coupon_name", "couponName"),
        order_id=told.text("order_id", "orderId"),
        cart_id=told.text("cart_id", "cartId"),
        discount=told.amount("discount"),
        reason=told.text("reason"),
    )


def _review(told: _Told) -> Review:
    return Review(
        told.text("review_id", "reviewId"), told.text("product_id", "productId", "sku"), told.amount("rating")
    )


def _met(told: _Told) -> Met:
    return Met(
        id=told.text("visit_id", "contact_id", "ticket_id", "post_id", "id"),
        store=told.text("store_id", "storeId", "store"),
        channel=told.text("channel", "community"),
        topic=told.text("topic", "reason", "category"),
    )


_READERS: Final[Mapping[str, Callable[[_Told], View]]] = {
    **{one.name: _touched for one in KNOWN if one.group in ("browsing", "cart", "wishlist", "sharing")},
    **dict.fromkeys(("Products Searched", "Product List Viewed", "Product List Filtered"), _browsed),
    **{one.name: _browsed for one in KNOWN if one.group == "promotion"},
    **dict.fromkeys(("Cart Viewed", "Cart Shared"), _cart),
    **{one.name: _checkout for one in KNOWN if one.group == "checkout"},
    **{one.name: _order for one in KNOWN if one.group == "order"},
    **{one.name: _coupon for one in KNOWN if one.group == "coupon"},
    **{one.name: _review for one in KNOWN if one.group == "review"},
    **{one.name: _met for one in KNOWN if one.group == "visit"},
    "Post Published": _met,
}
#: Events about one product, which stands in them as it does in a list.
OF_ONE_PRODUCT: Final = frozenset(name for name, reader in _READERS.items() if reader is _touched)
