"""Writing a batch beside others who may write the same documents."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from django.db import IntegrityError, transaction

from regulars.facts.commerce.outcome import Outcome
from regulars.kit.refusals import Refusal

_ATTEMPTS = 3


class _Report(Protocol):
    @property
    def ref(self) -> str: ...


Report = TypeVar("Report", bound=_Report)


def beside_others(write: Callable[[], Outcome], *, key: str) -> Outcome:
    """What `write` came to, in one transaction.

    When the unique `key` says that another process recorded one of our new documents between our look-up and our COPY,
    it looks again, some times.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError as problem:
            if key not in str(problem):
                raise
    with transaction.atomic():
        return write()


def in_rounds(
    reports: Sequence[Report], *, check: Callable[[Report], None], write: Callable[[list[Report]], Outcome]
) -> Outcome:
    """What `write` of reports comes to, in one transaction, each round with every document once, in their order.

    Those that `check` refuses are left out and listed.
    """
    refused: dict[str, Refusal] = {}
    rounds: list[list[Report]] = []
    told: dict[str, int] = {}
    for report in reports:
        try:
            check(report)
        except Refusal as no:
            refused[report.ref] = no
            continue
        nth = told.get(report.ref, 0)
        told[report.ref] = nth + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(report)
    done = Outcome(ids={})
    with transaction.atomic():
        for some in rounds:
            done = done.and_then(write(some))
    return replace(done, refused=refused)
