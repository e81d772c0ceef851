"""Why a message was not taken, in the reader's language: the room that took it says it in codes and fields."""

import re
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from regulars.facts.sources.inbox import Delivery

WHY: dict[str, Any] = {
    "bad_amount": gettext_lazy("an amount that is no number"),
    "bad_currency": gettext_lazy("a currency that is none"),
    "bad_number": gettext_lazy("a number that is none"),
    "bad_ref": gettext_lazy("an id that is none"),
    "bad_time": gettext_lazy("a time that is none"),
    "database_refused": gettext_lazy("values that cannot stand together"),
    "gone": gettext_lazy(
        "the shop has it no more: take it again, and it is gone here too; set it aside, and it stays as it is"
    ),
    "mixed_currencies": gettext_lazy("amounts of one thing in several currencies"),
    "no_amount": gettext_lazy("an amount is missing"),
    "no_currency": gettext_lazy("its currency is missing"),
    "no_items": gettext_lazy("there is nothing in it"),
    "no_membership": gettext_lazy("whose membership it is, it does not say: take it again once that is known"),
    "no_message": gettext_lazy("there is nothing in it"),
    "no_plain_file": gettext_lazy("it is no plain file"),
    "no_ref": gettext_lazy("its id is missing"),
    "no_time": gettext_lazy("its time is missing"),
    "not_a_list": gettext_lazy("something else where a list should be"),
    "not_a_message": gettext_lazy("it came as a file: drop it into its folder once more"),
    "not_an_object": gettext_lazy("something else where an object should be"),
    "not_json": gettext_lazy("it is no JSON"),
    "not_yet": gettext_lazy("it is told as of a day that has not come: compare the clocks, then take it again"),
    "our_fault": gettext_lazy("a fault of this program: take it again after the next update, and tell its makers"),
    "refused": gettext_lazy("some of its things were refused"),
    "rows_left_out": gettext_lazy("some of its rows were left out: its list of them says why"),
    "too_deep": gettext_lazy("it is nested too deeply"),
    "unknown_topic": gettext_lazy("a topic that this program does not know"),
}
#: A field's name as a document has it, before the first colon of a reason.
_FIELD = re.compile(r"([A-Za-z_][\w.\-\[\]]{0,80}):(?= )", re.ASCII)


def reason(delivery: Delivery, trouble: str = "") -> tuple[str, str]:
    """Why it was not taken, in words, and the field that is at fault, as the shop calls it; "" where none is.

    `trouble` is what its code is called where the shop could not be asked.
    """
    if not delivery.code and not delivery.why:
        return "", ""
    words = WHY.get(delivery.code)
    found = _FIELD.match(delivery.why)
    field = "" if found is None or delivery.code in {"gone", "our_fault"} else found[1]
    if words is None:
        # Rooms refuse under names with a dot in them.
        if delivery.code.startswith("imports."):
            words = gettext("it cannot be read as such a file: why stands beside it in the folder `failed`")
        else:
            words = gettext("what stands in it was refused") if "." in delivery.code or not trouble else trouble
    return str(words), field
