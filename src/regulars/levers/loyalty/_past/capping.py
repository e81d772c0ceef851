"""Caps of very many orders at once: what `_earning/cases` leaves of what rules would give, one order of each customer
after the other, as far as a cap may take something; of all those customers at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regulars.facts.commerce.kept_columns import Numbers
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.columns import Answers, OrderColumns
from regulars.levers.loyalty.rules.rule import Rule, points_text


@dataclass(frozen=True)
class Room:
    """A cap that somebody may come to: the place in it of each order, and what is used of each place so far."""

    rules: Sequence[str]
    most: int
    place: Numbers
    used: Numbers


@dataclass(frozen=True)
class Capped:
    """What is to be capped. `row`: of each order the row of `lines` as it was sold; `in_turn`: the orders that a cap
    may take something from, each with the how manieth of its customer's it is (`turn`)."""

    programme: Programme
    lines: OrderColumns
    row: Numbers
    rooms: Sequence[Room]
    in_turn: Numbers
    turn: Numbers

    def into(self, answers: Mapping[str, Answers]) -> Numbers:
        """Write down what caps leave. The orders that would be given more since something came back: of their customers
        it is not so."""
        for one in answers.values():
            one.wanted = one.parts.copy()
        odd = [np.zeros(0, np.int64)]
        for turn in range(int(self.turn.max(initial=-1)) + 1):
            orders = self.in_turn[self.turn == turn]
            sold = self._round(answers, self.row[orders], orders, None)
            has_back = self.row[orders] != orders
            if has_back.any():
                before = {rule: (one.parts[has_back], one.wanted[has_back]) for rule, one in sold.items()}
                now = self._round(answers, orders[has_back], orders[has_back], before)
                odd += [orders[has_back][now[rule].wanted > of] for rule, (_, of) in before.items()]
        return np.concatenate(odd)

    def _round(
        self,
        answers: Mapping[str, Answers],
        rows: Numbers,
        orders: Numbers,
        before: Mapping[str, tuple[Numbers, Numbers]] | None,
    ) -> Mapping[str, Answers]:
        lines, which = self.lines.take(rows)

        def limit(rule: Rule, found: Answers) -> None:
            rooms = [room for room in self.rooms if rule.id in room.rules]
            if before is None:
                left = np.full(len(rows), np.iinfo(np.int64).max)
                for room in rooms:
                    left = np.minimum(left, room.most - room.used[room.place[orders]])
                had = np.zeros(len(rows), np.int64)
                granted = np.minimum(found.parts, np.maximum(left, 0))
            else:
                had = before[rule.id][0]
                granted = np.minimum(found.parts, had)
            for room in rooms:
                room.used[room.place[orders]] += granted - had
            scale = self.programme.terms.scale
            found.cap(granted, lines.begins, lambda parts: points_text(parts, scale))

        given = deciding.of_columns(self.programme.of_orders, lines, self.programme.terms, limit)
        for rule, found in given.items():
            one = answers[rule]
            one.parts[rows], one.wanted[rows] = found.parts, found.wanted
            one.code[rows], one.facts[rows] = found.code, found.facts
            one.shares[which] = found.shares
        return given
