"""The kinds of rules there are, one file each: to add one, write its file and name it here."""

from collections.abc import Callable, Mapping

from regulars.levers.loyalty.rules import (
    audience_bonus,
    birthday_bonus,
    donation,
    event,
    first_order,
    items,
    nth_order,
    partner,
    spend,
    streak,
    surprise,
    tier_bonus,
    window_bonus,
)
from regulars.levers.loyalty.rules.rule import Rule, Terms
from regulars.levers.loyalty.rules.told import Told

KINDS: Mapping[str, Callable[[Told, Terms], Rule]] = {
    "spend": spend.read,
    "item": items.read,
    "first_order": first_order.read,
    "nth_order": nth_order.read,
    "event": event.read,
    "streak": streak.read,
    "window_bonus": window_bonus.read,
    "surprise": surprise.read,
    "audience_bonus": audience_bonus.read,
    "partner": partner.read,
    "donation": donation.read,
    "tier_bonus": tier_bonus.read,
    "birthday_bonus": birthday_bonus.read,
}
