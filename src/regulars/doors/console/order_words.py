"""What becomes of orders, payments and parcels, in the reader's language."""

from typing import Any

from django.utils.translation import gettext_lazy

KINDS: dict[str, Any] = {"giveaway": gettext_lazy("giveaway"), "adjustment": gettext_lazy("adjustment")}
STANDINGS: dict[str, Any] = {
    "draft": gettext_lazy("draft"),
    "test": gettext_lazy("test"),
    "double": gettext_lazy("told twice"),
    "cancelled": gettext_lazy("cancelled"),
    "unpaid": gettext_lazy("not paid"),
    "part_paid": gettext_lazy("partly paid"),
    "paid": gettext_lazy("paid"),
    "part_refunded": gettext_lazy("partly refunded"),
    "refunded": gettext_lazy("refunded"),
}
TONES = {
    "draft": "",
    "test": "",
    "double": "care",
    "cancelled": "bad",
    "unpaid": "care",
    "part_paid": "care",
    "paid": "good",
    "part_refunded": "care",
    "refunded": "care",
}
CHANGES: dict[str, Any] = {
    "placed": gettext_lazy("Placed"),
    "drafted": gettext_lazy("Drafted"),
    "tested": gettext_lazy("Placed as a test"),
    "edited": gettext_lazy("Changed"),
    "part_paid": gettext_lazy("Partly paid"),
    "paid": gettext_lazy("Paid"),
    "unpaid": gettext_lazy("Payment taken back"),
    "refunded": gettext_lazy("Refunded"),
    "returned": gettext_lazy("Goods came back"),
    "completed": gettext_lazy("Completed"),
    "cancelled": gettext_lazy("Cancelled"),
    "reopened": gettext_lazy("Reopened"),
    "deleted": gettext_lazy("Deleted in the shop"),
    "told_twice": gettext_lazy("Found to be told twice"),
    "counts_again": gettext_lazy("Counts again as a sale of its own"),
    "shipped": gettext_lazy("Shipped"),
    "ready": gettext_lazy("Ready to be picked up"),
    "collected": gettext_lazy("Picked up"),
    "went_back": gettext_lazy("Went back"),
    "delivered": gettext_lazy("Delivered"),
}
TENDERS: dict[str, Any] = {
    "card": gettext_lazy("Card"),
    "cash": gettext_lazy("Cash"),
    "wallet": gettext_lazy("Wallet"),
    "bank": gettext_lazy("Bank transfer"),
    "gift_card": gettext_lazy("Gift card"),
    "store_credit": gettext_lazy("Store credit"),
    "points": gettext_lazy("Points"),
    "other": gettext_lazy("Other means"),
}
TENDER_STATES: dict[str, tuple[Any, str]] = {
    "pending": (gettext_lazy("awaited"), "care"),
    "captured": (gettext_lazy("received"), "good"),
    "failed": (gettext_lazy("failed"), "bad"),
    "voided": (gettext_lazy("called off"), ""),
}
FULFILMENTS: dict[str, Any] = {
    "ship": gettext_lazy("by parcel"),
    "collect": gettext_lazy("store pick-up"),
    "same_city": gettext_lazy("same-city delivery"),
    "carry_out": gettext_lazy("carried out"),
}
SHIPMENT_STATES: dict[str, tuple[Any, str]] = {
    "pending": (gettext_lazy("being prepared"), ""),
    "packed": (gettext_lazy("packed"), ""),
    "ready": (gettext_lazy("ready to be picked up"), "care"),
    "on_its_way": (gettext_lazy("on its way"), ""),
    "out": (gettext_lazy("out for delivery"), ""),
    "attempted": (gettext_lazy("nobody was there"), "care"),
    "delivered": (gettext_lazy("delivered"), "good"),
    "collected": (gettext_lazy("picked up"), "good"),
    "went_back": (gettext_lazy("went back"), "bad"),
    "cancelled": (gettext_lazy("cancelled"), "bad"),
}
EVENTS: dict[str, Any] = {
    "label_made": gettext_lazy("Label made"),
    "picked_up": gettext_lazy("Taken by the carrier"),
    "in_transit": gettext_lazy("In transit"),
    "customs": gettext_lazy("At customs"),
    "delayed": gettext_lazy("Delayed"),
    "estimated": gettext_lazy("New estimate"),
    "out_for_delivery": gettext_lazy("Out for delivery"),
    "ready_to_collect": gettext_lazy("Ready to be picked up"),
    "attempted": gettext_lazy("Nobody was there"),
    "delivered": gettext_lazy("Delivered"),
    "collected": gettext_lazy("Picked up"),
    "going_back": gettext_lazy("Going back"),
    "damaged": gettext_lazy("Damaged"),
    "lost": gettext_lazy("Lost"),
}
PERSONALISATIONS: dict[str, Any] = {
    "engraving": gettext_lazy("engraving"),
    "gift_wrap": gettext_lazy("gift wrap"),
    "gift_message": gettext_lazy("gift message"),
    "embroidery": gettext_lazy("embroidery"),
    "custom": gettext_lazy("made to wish"),
}
REASONS: dict[str, Any] = {
    "too_small": gettext_lazy("too small"),
    "too_large": gettext_lazy("too large"),
    "damaged": gettext_lazy("damaged"),
    "defective": gettext_lazy("defective"),
    "wrong_item": gettext_lazy("the wrong goods"),
    "not_as_described": gettext_lazy("not as described"),
    "changed_mind": gettext_lazy("changed their mind"),
    "too_late": gettext_lazy("came too late"),
    "exchange": gettext_lazy("exchange"),
}


def reason(code: str) -> str:
    """Why goods or money went back; a code nobody has words for as its source calls it."""
    return str(REASONS.get(code, code.replace("_", " ")))


def personalisation(kind: str) -> str:
    """What was done for this customer alone; a kind nobody has words for as its source calls it."""
    return str(PERSONALISATIONS.get(kind, kind.replace("_", " ")))
