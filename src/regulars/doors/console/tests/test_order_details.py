"""Whatever is written down of an event of an order can be said in the language of who looks."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from regulars.doors.console import order_details
from regulars.facts.events import orders

ROOM = Path(orders.__file__).parent
#: Calls whose text is written down, and which of what they are given it is; one without its field says only the mend.
WRITERS = {"Unusable": 1, "_fail": 2, "append": 0, "_no": 2}

#: What stands in every gap that is nothing else.
GAP = "'A-1'"


def texts() -> Iterator[str]:
    """Each text as the reader writes it, with something in each gap."""
    for file in ("orders.py", "_sums.py", "spec.py"):
        for node in ast.walk(ast.parse((ROOM / file).read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in WRITERS and len(node.args) > WRITERS[name]:
                    said = filled(node.args[WRITERS[name]])
                    if name == "_no" and said:
                        # Nothing of a value is shown where it is an object or a list.
                        yield f"quantity: {said}" if "object" in said else f"quantity: 'x'; {said}"
                    elif ": " in said:
                        yield said
            elif isinstance(node, ast.Assign | ast.Return) and ": " in (said := filled(node.value)):
                yield said


def filled(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    gaps = {"what": "goods less discount", "why": "cancelled", "where": "products[0]", "place": "0"}
    return "".join(
        filled(one) or gaps.get(ast.unparse(one.value) if isinstance(one, ast.FormattedValue) else "", GAP)
        for one in node.values
    )


@pytest.mark.parametrize("text", sorted({*texts()}))
def test_every_text_is_known(text):
    said = f"shipping{text.removeprefix(GAP)}" if text.startswith(f"{GAP}:") else text

    with translation.override("zh-hans"):
        told = order_details.in_words(said)

    assert told != said, f"add it to TEXTS, with its Chinese: {text}"
    with translation.override("en"):
        assert order_details.in_words(said) == said


def test_several_remarks_are_said_one_by_one():
    why = (
        "currency: it is missing; the shop's GBP was taken; products[0].quantity: 1.23456 was taken as 1.235;"
        " total: GBP 10.00 is told, goods less discount with shipping and tax come to GBP 9.00, GBP 1.00 apart"
    )

    with translation.override("zh-hans"):
        assert order_details.in_words(why) == (
            "currency：缺少；已按店铺货币 GBP 处理; products[0].quantity：1.23456 已按 1.235 处理;"
            " total：告知为 GBP 10.00，商品减折扣加运费和税合计 GBP 9.00，相差 GBP 1.00"
        )


def test_what_nobody_here_wrote_stays_as_it_came():
    why = "currency: it is missing; the shop's GBP was taken; something 100% else"

    with translation.override("zh-hans"):
        assert order_details.in_words(why) == "currency：缺少；已按店铺货币 GBP 处理; something 100% else"
