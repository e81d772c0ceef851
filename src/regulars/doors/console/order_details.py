"""What an event of an order lacks, as its reader wrote it down, in the language of who looks.

The reader writes down one text, in English, for the log, for the API and for here. What it can say is known, so it is
read back: its words are translated, and what the shop's own system said stays as it came.
"""

import re
from collections.abc import Iterator
from functools import cache
from re import Pattern

from django.utils.translation import gettext, gettext_noop

#: Every text that is written down of an event of an order, with what varies in it.
TEXTS = (
    gettext_noop("order_id: it is missing; send the order's number"),
    gettext_noop("order_id: it is missing; send the number of the order it belongs to"),
    gettext_noop("order_id: %(order)s is not on record yet; this waits for it"),
    gettext_noop("order_id: %(order)s is on record from elsewhere, later or differently; it stays as it is"),
    gettext_noop("order_id: all of %(order)s is cancelled; nothing was left"),
    gettext_noop("order_id: all of %(order)s is given back already; nothing was left"),
    gettext_noop("return_id: %(return_)s is on record with other content"),
    gettext_noop("products: order %(order)s names none; send its lines"),
    gettext_noop("products: it names none; send what came back"),
    gettext_noop("currency: it is missing; the shop's %(currency)s was taken"),
    gettext_noop("currency: %(told)s is told, the order is in %(currency)s; send the refund in the order's"),
    gettext_noop("discount: %(told)s is more than the goods' %(goods)s; theirs was taken"),
    gettext_noop("total: %(told)s is below zero; send Order Refunded for money going back"),
    gettext_noop("%(field)s: %(told)s is below zero; send it as a positive amount"),
    gettext_noop("%(field)s: %(told)s is below zero; send a discount instead"),
    gettext_noop("%(field)s: %(told)s is told, goods less discount come to %(sum)s, %(apart)s apart"),
    gettext_noop(
        "%(field)s: %(told)s is told, goods less discount with shipping and tax come to %(sum)s, %(apart)s apart"
    ),
    gettext_noop("%(field)s: it is missing; send product_id or sku"),
    gettext_noop("%(field)s: it is missing for %(product)s; send what one of them costs"),
    gettext_noop("%(field)s: %(told)s is not above zero; send how many, and returns as refunds"),
    gettext_noop("%(field)s: %(told)s is not above zero; send how many"),
    gettext_noop("%(field)s: %(told)s was taken as %(taken)s"),
    gettext_noop("%(field)s: %(product)s is not on order %(order)s; look it up"),
    gettext_noop("%(field)s: %(told)s of %(product)s cannot come back, %(over)s more than the order has left"),
    gettext_noop("total: %(told)s went back, %(goods)s of it for these goods, %(apart)s apart"),
    gettext_noop("total: all that was paid for %(order)s went back already; nothing was left"),
    gettext_noop("total: %(told)s went back and no products are named; it is money for no goods"),
    gettext_noop("%(field)s: %(told)s; send text"),
    gettext_noop("%(field)s: send text"),
    gettext_noop("%(field)s: %(told)s; send at most %(most)s characters"),
    gettext_noop("%(field)s: %(told)s; send a number like 19.90, without currency and grouping"),
    gettext_noop("%(field)s: send a number like 19.90, without currency and grouping"),
    gettext_noop("%(field)s: %(told)s; send an amount that somebody pays, in the currency's main unit"),
    gettext_noop("%(field)s: send a list of at most %(most)s objects"),
    gettext_noop("%(field)s: %(told)s; send an object"),
    gettext_noop("%(field)s: send an object"),
    gettext_noop("the database refused it; look for odd amounts"),
)
_FIELD = r"[\w.\[\]]{1,80}"


def in_words(why: str) -> str:
    """The text in the language of who looks; what nobody here wrote stays as it is."""
    return "; ".join(_said(why))


def _said(why: str) -> Iterator[str]:
    """Several remarks stand in one text, and a semicolon within a remark too."""
    start = 0
    while start < len(why):
        found = next(((text, match) for text, form in _forms() if (match := form.match(why, start))), None)
        if found is None:
            yield why[start:]
            return
        text, match = found
        yield gettext(text) % match.groupdict()
        start = match.end() + len("; ")


@cache
def _forms() -> tuple[tuple[str, Pattern[str]], ...]:
    return tuple((text, re.compile(_pattern(text))) for text in TEXTS)


def _pattern(text: str) -> str:
    parts = re.split(r"%\((\w+)\)s", text)
    made = [re.escape(parts[0])]
    for name, after in zip(parts[1::2], parts[2::2], strict=True):
        made += (f"(?P<{name}>{_FIELD if name == 'field' else '[^;]+?'})", re.escape(after))
    return "".join(made) + "(?=; |$)"
