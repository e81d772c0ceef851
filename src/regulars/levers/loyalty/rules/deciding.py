"""What a programme's rules say of one order or event, together: what each gives after the caps, and why not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from regulars.levers.loyalty.rules import asking
from regulars.levers.loyalty.rules.columns import Answers, OrderColumns
from regulars.levers.loyalty.rules.event import Event
from regulars.levers.loyalty.rules.grants import Answer, Grant, Missed, Pledge, Reason, split
from regulars.levers.loyalty.rules.rule import Given, Rule, Terms, points_text
from regulars.levers.loyalty.rules.views import Context, EventView, OrderView

#: How many of the parts that a rule would give it may.
Limit = Callable[[Rule, int], int]


@dataclass(frozen=True, slots=True)
class Decision:
    """What each rule answered, in the order of the rules: what is given (`grants`), what is not, why (`missed`), what
    is promised to causes (`pledges`)."""

    answers: Sequence[Answer]
    grants: Sequence[Grant] = field(init=False)
    missed: Sequence[Missed] = field(init=False)
    pledges: Sequence[Pledge] = field(init=False)

    def __post_init__(self) -> None:
        for name, kind in (("grants", Grant), ("missed", Missed), ("pledges", Pledge)):
            object.__setattr__(self, name, [one for one in self.answers if type(one) is kind])


def no_limit(_rule: Rule, parts: int) -> int:
    """Without caps."""
    return parts


def of_order(
    rules: Iterable[Rule], order: OrderView, context: Context, terms: Terms, limit: Limit = no_limit
) -> Decision:
    """What the rules give for an order as it stands. `limit` is asked in the order of the rules, once for each that
    would give something; a bonus multiplies what is given after it."""
    given = Given({})
    for rule in rules:
        given.answers[rule.id] = _within(rule, rule.of_order(order, context, terms, given), terms, limit)
    return Decision(tuple(given.answers.values()))


def no_limits(_rule: Rule, _answers: Answers) -> None:
    """Without caps."""


def of_columns(
    rules: Iterable[Rule], orders: OrderColumns, terms: Terms, limit: Callable[[Rule, Answers], None] = no_limits
) -> Mapping[str, Answers]:
    """`of_order` for many orders at once: what each rule answers to each, less what `limit` takes of it before others
    multiply it."""
    given: dict[str, Answers] = {}
    for rule in rules:
        seen = orders if rule.where is None else orders.of_lines(asking.lines_fit(rule.where, orders))
        given[rule.id] = rule.of_columns(seen, terms, given)
        limit(rule, given[rule.id])
    return given


def of_event(
    rules: Iterable[Event], event: EventView, context: Context, terms: Terms, limit: Limit = no_limit
) -> Decision:
    """What the rules give for an event; those for other events are not among the answers."""
    return Decision(
        tuple(
            _within(rule, rule.of_event(event, context, terms), terms, limit)
            for rule in rules
            if rule.event == event.name
        )
    )


def _within(rule: Rule, answer: Answer, terms: Terms, limit: Limit) -> Answer:
    if not isinstance(answer, Grant):
        return answer
    allowed = limit(rule, answer.parts)
    if allowed >= answer.parts:
        return answer
    facts = {"uncapped": points_text(answer.parts, terms.scale)}
    if allowed <= 0:
        return Missed(rule.id, Reason("cap_reached", facts))
    because = replace(answer.because, facts={**answer.because.facts, **facts})
    return replace(answer, parts=allowed, lines=split(allowed, sorted(answer.lines.items())), because=because)
