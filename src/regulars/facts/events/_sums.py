"""From what an event tells of an order to what is put on record: lines, sums, and what does not add up. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from regulars.facts.commerce.orders import LineReport, LineView, OrderView
from regulars.facts.events import spec
from regulars.facts.events.spec import Problem
from regulars.kit.money import Money, to_minor

#: What a wrong reading of would change an order; anything else that cannot be read is left out and said.
_MATTER = ("order_id", "products", "product_id", "price", "quantity", "total", "shipping", "tax", "discount")
_PRICE, _QUANTITY = Decimal("0.000001"), Decimal("0.001")
_LARGEST_NUMBER = 2**31 - 1


class Unusable(Exception):
    """No order can be made of it: a code, and words with field, value and mend."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code, self.why = code, why


@dataclass(frozen=True)
class Sale:
    """An order as it goes on record, amounts in minor units, and what about it was odd."""

    ref: str
    currency: str
    channel: str
    store: str | None
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    lines: Sequence[LineReport]
    remarks: Sequence[str]


def check(problems: Sequence[Problem], *, also: Sequence[str] = ()) -> list[str]:
    """What could not be read and does not matter. Raises `Unusable` for what does, and for the fields in `also`."""
    for problem in problems:
        last = problem.field.rpartition(".")[2].partition("[")[0]
        if last in _MATTER or last in also:
            raise Unusable("unreadable", str(problem))
    return [str(problem) for problem in problems]


def sale(told: spec.Order, problems: Sequence[Problem], *, is_till: bool, shops_currency: str) -> Sale:
    """The order that is told. Raises `Unusable`, and the refusals of `kit.money` for currencies and amounts.

    `total` has shipping and tax in it, `revenue` neither. Shops differ in whether prices have tax and discounts in
    them: the reading that makes the sum right is taken, and where none does, the total as told, with the difference
    named.
    """
    remarks = check(problems)
    if not told.order_id:
        raise Unusable("no_order_id", "order_id: it is missing; send the order's number")
    if not told.products:
        raise Unusable("no_products", f"products: order {told.order_id!r} names none; send its lines")
    currency = told.currency or shops_currency
    if not told.currency:
        remarks.append(f"currency: it is missing; the shop's {currency} was taken")
    its_lines = lines(told.products, currency, remarks)
    amounts = [line.amount_minor or 0 for line in its_lines]
    goods = sum(amounts)
    shipping = _not_negative("shipping", told.shipping, currency)
    tax = _not_negative("tax", told.tax, currency)
    discount = abs(to_minor(told.discount or Decimal(0), currency))
    if discount > goods:
        remarks.append(
            f"discount: {Money(discount, currency)} is more than the goods' {Money(goods, currency)}; theirs was taken"
        )
        discount = goods
    discount, total = _settled(told, goods, discount, shipping, tax, currency, remarks)
    return Sale(
        ref=told.order_id,
        currency=currency,
        channel=told.channel or ("store" if is_till or told.store else "web"),
        store=told.store or None,
        discount_minor=discount,
        shipping_minor=shipping,
        tax_minor=tax,
        total_minor=total,
        lines=its_lines,
        remarks=remarks,
    )


def lines(products: Sequence[spec.Product], currency: str, remarks: list[str]) -> list[LineReport]:
    """The lines of a sale or a return; what about them was odd is added to `remarks`. Raises `Unusable`."""
    return [
        _line(product, number, place, currency, remarks)
        for place, (product, number) in enumerate(zip(products, _numbers(products), strict=True))
    ]


def _settled(
    told: spec.Order, goods: int, discount: int, shipping: int, tax: int, currency: str, remarks: list[str]
) -> tuple[int, int]:
    """The discount that is not in the prices yet, and the total."""
    if told.total is None:
        net = goods - discount
        revenue = None if told.revenue is None else to_minor(told.revenue, currency)
        if revenue is not None and revenue not in (net, net + shipping + tax, net + shipping):
            if revenue == goods:
                return 0, goods + shipping + tax
            remarks.append(_apart("revenue", revenue, "goods less discount", net, currency))
        return discount, net + shipping + tax
    total = to_minor(told.total, currency)
    if total < 0:
        raise Unusable("negative_total", f"total: {told.total} is below zero; send Order Refunded for money going back")
    for off in (discount, 0):
        if total in (goods - off + shipping + tax, goods - off + shipping):
            return off, total
    wanted = goods - discount + shipping + tax
    remarks.append(_apart("total", total, "goods less discount with shipping and tax", wanted, currency))
    return discount, total


def _apart(name: str, told: int, what: str, wanted: int, currency: str) -> str:
    return (
        f"{name}: {Money(told, currency)} is told, {what} come to {Money(wanted, currency)},"
        f" {Money(abs(told - wanted), currency)} apart"
    )


def _not_negative(name: str, told: Decimal | None, currency: str) -> int:
    minor = to_minor(told or Decimal(0), currency)
    if minor < 0:
        raise Unusable("negative_amount", f"{name}: {told} is below zero; send it as a positive amount")
    return minor


def _numbers(products: Sequence[spec.Product]) -> list[int]:
    """Which line each is: its position where each has one of its own, else its place in the list."""
    positions = [one.position for one in products]
    if len(set(positions)) == len(positions):
        known = [one for one in positions if one is not None and 0 < one <= _LARGEST_NUMBER]
        if len(known) == len(positions):
            return known
    return list(range(1, len(products) + 1))


def _line(product: spec.Product, number: int, place: int, currency: str, remarks: list[str]) -> LineReport:
    where = f"products[{place}]"
    if not product.ref:
        raise Unusable("no_product", f"{where}.product_id: it is missing; send product_id or sku")
    if product.price is None:
        raise Unusable("no_price", f"{where}.price: it is missing for {product.ref!r}; send what one of them costs")
    if product.price < 0:
        raise Unusable("negative_amount", f"{where}.price: {product.price} is below zero; send a discount instead")
    quantity = Decimal(1) if product.quantity is None else product.quantity
    rounded = quantity.quantize(_QUANTITY, ROUND_HALF_UP)
    if rounded <= 0:
        raise Unusable(
            "bad_quantity", f"{where}.quantity: {quantity} is not above zero; send how many, and returns as refunds"
        )
    if rounded != quantity:
        remarks.append(f"{where}.quantity: {quantity} was taken as {rounded}")
    # A browser's sums of prices end in a dozen digits of noise, which the column does not hold.
    price = product.price.quantize(_PRICE, ROUND_HALF_UP)
    return LineReport(
        number=number,
        product_ref=product.ref,
        quantity=rounded,
        unit_price=price,
        amount_minor=to_minor(rounded * price, currency),
        title=product.title or None,
        category=product.category or None,
    )


def coming_back(sold: OrderView, products: Sequence[spec.Product]) -> Mapping[int, Decimal]:
    """Line numbers of the order and how much of each comes back. Raises `Unusable`.

    A product without a quantity comes back whole. Where several lines have the product, its position says which, and
    without one they give back in their order what they have left.
    """
    left = {line.number: line.quantity - line.returned_quantity for line in sold.lines}
    sold_of: dict[str, list[LineView]] = {}
    for line in sold.lines:
        if line.quantity > 0:
            sold_of.setdefault(line.product_ref, []).append(line)
    wanted: dict[int, Decimal] = {}
    for place, product in enumerate(products):
        lines = sold_of.get(product.ref, [])
        if not lines:
            raise Unusable(
                "not_on_order",
                f"products[{place}].product_id: {product.ref!r} is not on order {sold.ref!r}; look it up",
            )
        if exact := [line for line in lines if line.number == product.position]:
            lines = exact
        missing = product.quantity
        if missing is not None and missing <= 0:
            raise Unusable("bad_quantity", f"products[{place}].quantity: {missing} is not above zero; send how many")
        for line in lines:
            here = left[line.number] if missing is None else min(missing, left[line.number])
            if here > 0:
                wanted[line.number] = wanted.get(line.number, Decimal(0)) + here
                left[line.number] -= here
                missing = None if missing is None else missing - here
        if missing:
            raise Unusable(
                "over_refund",
                f"products[{place}].quantity: {product.quantity} of {product.ref!r} cannot come back,"
                f" {missing} more than the order has left",
            )
    return wanted
