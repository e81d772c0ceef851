"""What customers listen to."""

from collections.abc import Sequence

from regulars.facts.customers import looking
from regulars.facts.sources.notices import ImportEnded
from regulars.kit.actors import Actor
from regulars.runtime.notices.subscriptions import subscribe

_BY = Actor("system", "customers.suggest")


@subscribe(ImportEnded, name="customers.look_for_duplicates", history=True, in_batches=True)
def file_came_in(notices: Sequence[ImportEnded]) -> None:
    """Somebody in a file of customers may be known already: one look, soon, however many files."""
    brought = [notice for notice in notices if notice.what == "customers" and notice.rows_good]
    if brought:
        looking.soon(at=max(notice.at for notice in brought), by=_BY)
