"""More points around the birthday, for those who have a benefit that says so: that they had it, and how many times it
gives, is kept as evidence with the order. Never the day itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from regulars.kit.texts import translated as _
from regulars.levers.loyalty.rules.benefit_terms import Benefit
from regulars.levers.loyalty.rules.columns import Answers, Flags, OrderColumns
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Reason, split
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, shared
from regulars.levers.loyalty.rules.told import Told, bad
from regulars.levers.loyalty.rules.views import Context, OrderView


@dataclass(frozen=True, kw_only=True)
class BirthdayBonus(Rule):
    """What makes as many times of what the rules it `multiplies` gave as the `benefit` says, within its days."""

    kind: ClassVar[str] = "birthday_bonus"

    benefit: str
    multiplies: tuple[str, ...] = ()

    def of_order(self, order: OrderView, context: Context, terms: Terms, given: Given) -> Answer:
        """What the birthday adds, rounded down once for the order."""
        found = self.reach(order, context, terms)
        if isinstance(found, Missed):
            return found
        times = context.birthdays.get(self.benefit)
        if times is None:
            return self.missed("not_their_birthday")
        extra = int(given.parts(self.multiplies) * (Fraction(Decimal(times)) - 1))
        if not extra:
            return self.missed("nothing_to_multiply")
        why = Reason("birthday_times", {"times": times})
        return Grant(self.id, extra, split(extra, given.lines(self.multiplies)), why, self.funding)

    def may_give(self, context: Context) -> bool:
        """Around a birthday."""
        return self.benefit in context.birthdays

    @property
    def is_of_columns(self) -> bool:
        """Where no means of payment or customer is asked for: whose birthday it is, is told with the orders."""
        return self.is_plain

    def of_columns(self, orders: OrderColumns, terms: Terms, given: Mapping[str, Answers]) -> Answers:
        """`of_order` for many."""
        found, told = self.reach_columns(orders, terms), orders.birthdays[self.benefit]
        found.miss(told == "", "not_their_birthday")
        others, is_open = [given[rule] for rule in self.multiplies], found.is_open.copy()
        for times in sorted(set(told[is_open].tolist())):
            found.is_open = is_open & (told == times)
            found.more(others, Fraction(Decimal(times)) - 1, orders.begins, "birthday_times", times=times)
            found.miss(found.is_open, "nothing_to_multiply")
        return found

    def may_give_columns(self, orders: OrderColumns) -> Flags:
        """`may_give` for many."""
        found: Flags = orders.birthdays[self.benefit] != ""
        return found


def read(told: Told, terms: Terms) -> BirthdayBonus:
    """From the file: which `benefit` says who has it, and which rules' points it `multiplies`."""
    if told.raw("multiplies") is None:
        raise told.bad("multiplies", _("write which rules' points are multiplied"))
    benefit = told.text("benefit", longest=40)
    return BirthdayBonus(**shared(told, terms, BirthdayBonus), benefit=benefit, multiplies=told.words("multiplies"))


def check(rules: Sequence[Rule], benefits: Sequence[Benefit]) -> None:
    """Refuses a rule for a benefit that multiplies nothing."""
    known = {one.id for one in benefits if one.kind == "birthday_multiplier"}
    for place, rule in enumerate(rules):
        if isinstance(rule, BirthdayBonus) and rule.benefit not in known:
            mend = _("write the id of a benefit of the kind birthday_multiplier")
            raise bad(f"rules[{place}].benefit", rule.benefit, mend)


def unapplied(rules: Sequence[Rule], benefits: Sequence[Benefit]) -> None:
    """Refuses a benefit that would promise points which no rule gives, and one that could be used up: a multiplied
    order is no use."""
    applied = {rule.benefit for rule in rules if isinstance(rule, BirthdayBonus)}
    for place, one in enumerate(benefits):
        if one.kind != "birthday_multiplier":
            continue
        if one.id not in applied:
            mend = _("no rule gives these points; write one of the kind birthday_bonus with this benefit")
            raise bad(f"benefits[{place}].kind", one.id, mend)
        if any(level.most is not None for level in one.levels):
            mend = _("each order around the birthday has it; leave `most` out, or write caps for the rule")
            raise bad(f"benefits[{place}].for", one.id, mend)
