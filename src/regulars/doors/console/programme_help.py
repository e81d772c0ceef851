"""Beside the editor of programmes: what a file may say, in short, each with an example that is taken as it stands."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from regulars.doors.console import trials

#: Line of a file -> what it says.
LINES: Final[Mapping[str, Any]] = {
    "name: {en: The club, zh: 俱乐部}": gettext_lazy("what members call it, in both languages"),
    'currency: {code: points, name: {en: points, zh: 积分}, worth: "0.01"}': gettext_lazy(
        "the kind of points, and what one is worth, for costs"
    ),
    "pending: {until: delivered, days: 14}": gettext_lazy(
        "when points can be spent: so many days after the order was placed, paid or delivered"
    ),
    "expiry: {kind: calendar_end, months: 12, unit: year}": gettext_lazy(
        "until when: never, fixed (a day), rolling, activity, or calendar_end"
    ),
    "notice_days: [30, 7]": gettext_lazy("how many days before points end their member is told"),
    "debt: {limit: 500}": gettext_lazy("what may stay owed when goods come back and the points are spent"),
    "caps: [{per: member, period: day, most: 2000}]": gettext_lazy(
        "the most that is given: per member or everyone, in an order, day, week, month, year or ever"
    ),
    "policies: [eu]": gettext_lazy("rules of the law to keep to: china, eu, ontario, quebec"),
    "approval_above: 1000": gettext_lazy("up to how many points of a trial year its author approves alone"),
    "estate: passes": gettext_lazy("points of a member who died can be passed on to an heir"),
}
#: Kind of rule -> an example of one.
RULES: Final[Mapping[str, str]] = {
    "spend": "{id: spend, kind: spend, points: 1, per: 1}",
    "item": "{id: shoes, kind: item, points: 20, where: {field: category, is: shoes}}",
    "first_order": "{id: welcome, kind: first_order, points: 50, at_least: 20}",
    "nth_order": "{id: tenth, kind: nth_order, every: 10, points: 100}",
    "event": "{id: review, kind: event, event: review, points: 15, once: about}",
    "streak": "{id: weeks, kind: streak, length: 4, period: week, points: 40}",
    "window_bonus": "{id: may, kind: window_bonus, times: 2, multiplies: [spend], from: 2030-05-01, until: 2030-06-01}",
    "surprise": "{id: luck, kind: surprise, points: 30, chance: 5, period: month}",
    "audience_bonus": "{id: circle, kind: audience_bonus, audience: aud_regulars, times: 2, multiplies: [spend]}",
    "partner": "{id: acme, kind: partner, points: 1, per: 1, funded_by: acme, where: {field: brand, is: acme}}",
    "donation": "{id: trees, kind: donation, percent: 1, cause: trees}",
    "tier_bonus": '{id: level, kind: tier_bonus, tiers: status, times: {gold: "1.5"}, multiplies: [spend]}',
    "birthday_bonus": "{id: cake_day, kind: birthday_bonus, benefit: cake, multiplies: [spend]}",
}


def rules() -> list[tuple[str, str]]:
    """What each kind of rule is for, in the reader's language, with an example."""
    return [(str(trials.KINDS[kind]), example) for kind, example in RULES.items()]
