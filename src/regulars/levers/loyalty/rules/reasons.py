"""Why points were given, and why not, in the words of whoever reads it. Kept are codes and facts, never sentences."""

from collections.abc import Callable, Mapping

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.grants import Reason

_WORDS: Mapping[str, Callable[[], str]] = {
    # --- why
    "spent": lambda: _("%(money)s spent, %(points)s for each %(per)s"),
    "items": lambda: _("%(items)s bought, %(points)s for each"),
    "first_order": lambda: _("first order"),
    "nth_order": lambda: _("order number %(number)s"),
    "event": lambda: _("for: %(event)s"),
    "streak_day": lambda: _("%(length)s days in a row"),
    "streak_week": lambda: _("%(length)s weeks in a row"),
    "streak_month": lambda: _("%(length)s months in a row"),
    "bonus": lambda: _("bonus of these days"),
    "bonus_times": lambda: _("bonus of these days, %(times)s times the points"),
    "audience": lambda: _("bonus for a group you are in"),
    "audience_times": lambda: _("bonus for a group you are in, %(times)s times the points"),
    "tier_times": lambda: _("%(times)s times the points on your level"),
    "birthday_times": lambda: _("%(times)s times the points around your birthday"),
    "surprise": lambda: _("a surprise"),
    "pledged": lambda: _("%(percent)s %% of %(money)s promised to %(cause)s"),
    "goods_returned": lambda: _("goods came back"),
    "order_cancelled": lambda: _("the order was cancelled"),
    "told_twice": lambda: _("the same sale was told twice, and counts once"),
    "order_changed": lambda: _("the order was changed"),
    "order_moved": lambda: _("the order was somebody else's"),
    "fewer_orders": lambda: _("an order that counted does not count any more"),
    # --- why not
    "spend_for_points": lambda: _("%(money)s more would give %(points)s points"),
    "spend_more": lambda: _("%(money)s more is needed: it begins at %(least)s"),
    "no_rate": lambda: _("nobody knows what %(currency)s was worth"),
    "not_for_them": lambda: _("this rule is for others"),
    "nothing_kept": lambda: _("nothing that earns was kept and paid with money"),
    "no_line_fits": lambda: _("nothing on the order is what this rule is for"),
    "order_does_not_count": lambda: _("the order does not count"),
    "not_begun": lambda: _("it begins on %(day)s"),
    "is_over": lambda: _("it was over on %(day)s"),
    "no_whole_item": lambda: _("no whole item was kept"),
    "not_first": lambda: _("not the first order: it is number %(number)s"),
    "not_nth_yet": lambda: _("%(more)s more orders until then"),
    "nth_given": lambda: _("order number %(number)s, and it was given for these orders already"),
    "past_nth": lambda: _("that was order number %(nth)s"),
    "other_event": lambda: _("this rule is for something else"),
    "event_does_not_fit": lambda: _("not what this rule is for"),
    "given_before": lambda: _("it was given for this before"),
    "came_already": lambda: _("it counted for these days already"),
    "nothing_to_multiply": lambda: _("there was nothing to multiply"),
    "not_in_audience": lambda: _("not in the group this rule is for"),
    "not_on_the_level": lambda: _("this rule is for other levels"),
    "not_their_birthday": lambda: _("not around a birthday of who has this benefit"),
    "no_luck": lambda: _("no luck this time: the chance was %(chance)s %%"),
    "too_little_to_give": lambda: _("too little to give a part of it"),
    "cap_reached": lambda: _("the most that can be earned is reached"),
}
_NOT_YET: Mapping[str, Callable[[], str]] = {
    "streak_day": lambda: _("%(more)s more days in a row until then"),
    "streak_week": lambda: _("%(more)s more weeks in a row until then"),
    "streak_month": lambda: _("%(more)s more months in a row until then"),
}

_EVENTS: Mapping[str, Callable[[], str]] = {
    "birthday": lambda: _("birthday"),
    "referral": lambda: _("recommending us"),
    "review": lambda: _("review"),
    "sharing": lambda: _("sharing"),
    "sign_up": lambda: _("signing up"),
    "store_visit": lambda: _("visit to a store"),
    "survey": lambda: _("survey answered"),
}


def event(name: str) -> str:
    """What an event is called to members: those that many shops have in their language, others by their name."""
    words = _EVENTS.get(name)
    return words() if words else name.replace("_", " ")


def codes() -> frozenset[str]:
    """Every reason there is a sentence for."""
    return frozenset(_WORDS)


def said(reason: Reason) -> str:
    """The reason as a sentence in the reader's language; what a cap took is said after it."""
    words = _NOT_YET if "more" in reason.facts and reason.code in _NOT_YET else _WORDS
    facts = reason.facts
    if "event" in facts:
        facts = {**facts, "event": event(str(facts["event"]))}
    sentence = words[reason.code]() % facts
    if "uncapped" in reason.facts and reason.code != "cap_reached":
        return _("%(sentence)s (without the cap it were %(uncapped)s)") % {
            "sentence": sentence,
            "uncapped": reason.facts["uncapped"],
        }
    return sentence
