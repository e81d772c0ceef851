"""Who listens to what. Rooms put `@subscribe` on functions in their `reactions.py`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from regulars.runtime import rooms
from regulars.runtime.notices.notice import Notice

Handler = TypeVar("Handler", bound=Callable[[Any], None])

_SUBSCRIPTIONS: dict[str, "Subscription"] = {}


@dataclass(frozen=True)
class Subscription:
    """One listener with its own checkpoint, known by `name` for ever: a new name is a new listener."""

    name: str
    kinds: tuple[str, ...]
    handle: Callable[[Sequence[Any]], None]
    strict: bool
    history: bool
    numbered: bool = False


def subscribe(
    *notices: type[Notice],
    name: str,
    strict: bool = False,
    history: bool = False,
    in_batches: bool = False,
    numbered: bool = False,
) -> Callable[[Handler], Handler]:
    """Call the function for each notice of these classes, in order per subject, its effect exactly once.

    The function runs in the transaction that also moves the checkpoint: it writes to this database and does nothing
    else (mail, HTTP and files belong in jobs or intents it writes). A listener starts with what is announced after the
    release that brings it.

    `name` is "<room>.<purpose>". `strict`: a notice that fails is tried for ever and holds back its subject, instead of
    going to the dead letters. `history`: hear of imported history too. `in_batches`: the function takes a list of
    notices, several subjects mixed, each subject's in order. `numbered`: the function takes `notice.Told` instead, with
    the notice's number.
    """

    def register(function: Handler) -> Handler:
        def one_by_one(batch: Sequence[Any]) -> None:
            for notice in batch:
                function(notice)

        if name in _SUBSCRIPTIONS:
            raise ValueError(f"two listeners are called {name!r}")
        if not notices:
            raise ValueError(f"{name} listens to nothing")
        _SUBSCRIPTIONS[name] = Subscription(
            name=name,
            kinds=tuple(notice.kind for notice in notices),
            handle=function if in_batches else one_by_one,
            strict=strict,
            history=history,
            numbered=numbered,
        )
        return function

    return register


def registered() -> tuple[Subscription, ...]:
    """Every room's listeners, in the order of the house."""
    for _ in rooms.modules("reactions"):
        pass
    return tuple(_SUBSCRIPTIONS.values())


@contextmanager
def nobody_else() -> Iterator[None]:
    """For tests: only listeners that subscribe inside the block are registered."""
    registered()
    before = dict(_SUBSCRIPTIONS)
    _SUBSCRIPTIONS.clear()
    try:
        yield
    finally:
        _SUBSCRIPTIONS.clear()
        _SUBSCRIPTIONS.update(before)
