"""Writing a batch beside others who may write the same documents."""

from collections.abc import Callable

from django.db import IntegrityError, transaction

from regulars.facts.commerce.outcome import Outcome

_ATTEMPTS = 3


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
