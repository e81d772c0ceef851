"""What came back to a Medusa shop and went out instead, and the money for it, to our reports. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from regulars.doors.connectors.medusa.parts import by_age, figure, minor_of, store_of
from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    got,
    instant,
    listing,
    mapping,
    ref,
    ref_or_none,
)
from regulars.facts.commerce.order_reports import (
    LineReport,
)
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport

#: What stands on a line that is no product of the catalogue, such as one that an operator wrote by hand.
NO_PRODUCT = "custom-item"


@dataclass(frozen=True)
class Sold:
    """A line with its exact amounts: `net` after its discount and `tax` on it, both in the order's own terms."""

    report: LineReport
    net: Decimal
    tax: Decimal
    exact: Decimal


def refunds_of(
    doc: Document,
    about: About,
    code: str,
    is_inclusive: bool,
    sold: Sequence[Sold],
    number_of: Mapping[str, int],
    refunds: Sequence[Document],
    version_at: datetime,
) -> Iterator[ReturnReport]:
    """Money that went back, with the goods it was for; and goods that came back for others.

    Medusa knows the two apart: returns are of goods, refunds of money, and neither names the other. A refund is for
    what came back since the refund before it, the last one also for what came after it once nothing is owed for that.
    Goods that came in exchange are told by themselves and without money, for their worth is set against the goods that
    went out; where these are worth less, the money that goes back then is for the difference, and takes no more off.
    """
    returns = [one for one in by_age(doc, "returns") if one.get("canceled_at") is None]
    came = sorted(
        (
            (instant(one.get("received_at") or one.get("updated_at"), about.zone, "returns.received_at"), one)
            for one in returns
            if any(figure(item, "received_quantity") > 0 for item in listing(one.get("items"), "returns.items"))
        ),
        key=lambda pair: (pair[0], str(pair[1].get("id"))),
    )
    order_ref = ref(doc.get("id"), "id")
    waiting, over = [], 0
    for at, one in came:
        why = _instead(one)
        if why is None:
            waiting.append((at, one))
            continue
        goods, tax = _goods([one], sold, number_of, code, is_inclusive)
        worth = sum(line.amount_minor for line in goods) + tax
        over += max(0, worth - _sent_instead(one, worth, sold, number_of, code))
        yield ReturnReport(
            namespace=about.namespace,
            ref=ref(one.get("id"), "returns.id"),
            order_ref=order_ref,
            returned_at=at,
            currency=code,
            lines=goods,
            tax_minor=tax,
            paid_back_minor=0,
            store=store_of(one.get("location_id"), about),
            reason=why,
            source_updated_at=version_at,
        )
    owed = -figure(mapping(doc.get("summary") or {}, "summary"), "pending_difference")
    for place, refund in enumerate(refunds):
        at = instant(refund.get("created_at"), about.zone, "refunds.created_at")
        is_last = place == len(refunds) - 1
        mine = [pair for pair in waiting if pair[0] <= at or (is_last and owed <= 0)]
        waiting = [pair for pair in waiting if pair not in mine]
        places = [one.get("location_id") for _, one in mine if one.get("location_id")]
        goods, tax = _goods([one for _, one in mine], sold, number_of, code, is_inclusive)
        paid = minor_of(figure(refund, "amount"), code)
        difference = min(over, max(0, paid - tax - sum(line.amount_minor for line in goods)))
        over -= difference
        yield ReturnReport(
            namespace=about.namespace,
            ref=ref(refund.get("id"), "refunds.id"),
            order_ref=order_ref,
            returned_at=at,
            currency=code,
            lines=goods,
            tax_minor=tax,
            amount_minor=paid - difference,
            paid_back_minor=paid,
            store=store_of(places[0], about) if places else None,
            reason=_reason(got(refund, "refund_reason", "code")) or ("claim" if any(map(_is_claim, mine)) else ""),
            source_updated_at=version_at,
        )


def _instead(back: Document) -> str | None:
    """For what goods of the same order these came back: "exchange", or "claim" where they were wrong or broken and
    others are sent for them. None where money goes back for them."""
    if back.get("exchange_id") is not None or got(back, "exchange", "id") is not None:
        return "exchange"
    is_replaced = got(back, "claim", "type") == "replace" or bool(got(back, "claim", "additional_items"))
    return "claim" if is_replaced else None


def _is_claim(came: tuple[datetime, Document]) -> bool:
    return came[1].get("claim_id") is not None or got(came[1], "claim", "id") is not None


def _sent_instead(back: Document, worth: int, sold: Sequence[Sold], number_of: Mapping[str, int], code: str) -> int:
    """What the goods that went out for those of this return are worth with tax; `worth`, where nothing tells of any."""
    told = got(back, "exchange" if _instead(back) == "exchange" else "claim", "additional_items")
    if told is None:
        return worth
    sent = Decimal(0)
    for item in listing(told, "returns.exchange.additional_items"):
        n = number_of.get(ref_or_none(got(item, "item_id"), "additional_items.item_id") or "")
        if n is not None and (line := sold[n - 1]).report.quantity:
            sent += line.exact * figure(mapping(item, "additional_items"), "quantity") / line.report.quantity
    return minor_of(sent, code)


def _goods(
    returns: Sequence[Document], sold: Sequence[Sold], number_of: Mapping[str, int], code: str, is_inclusive: bool
) -> tuple[list[ReturnLineReport], int]:
    """What came back, at what was paid for it, and the tax on that where it is not in it. What came damaged is not sold
    again."""
    lines, tax = [], Decimal(0)
    for item in (one for back in returns for one in listing(back.get("items"), "returns.items")):
        n = number_of.get(ref(got(item, "item_id"), "returns.items.item_id"))
        whole, broken = figure(item, "received_quantity"), figure(item, "damaged_quantity")
        if n is None or whole <= 0:
            continue
        line = sold[n - 1]
        share = whole / line.report.quantity if line.report.quantity else Decimal(0)
        tax += Decimal(0) if is_inclusive else line.tax * share
        lines.append(
            ReturnLineReport(
                product_ref=line.report.product_ref,
                quantity=whole,
                amount_minor=minor_of(line.net * share, code),
                of_line=n,
                restock=broken < whole,
            )
        )
    return lines, minor_of(tax, code)


def _reason(told: object) -> str:
    code = re.sub(r"[^a-z0-9]+", "_", str(told or "").lower()).strip("_")[:60]
    return code if re.fullmatch(r"[a-z][a-z0-9_]*", code) else ""
