"""What audiences listen to: whatever the rooms tell of a customer that some audience could ask for."""

from collections.abc import Sequence

from regulars.facts.commerce.notices import (
    GoodsReturned,
    OrderCancelled,
    OrderChanged,
    OrderRecorded,
    OrdersImported,
    ReturnsImported,
)
from regulars.facts.customers.notices import (
    ConsentGiven,
    ConsentsImported,
    ConsentWithdrawn,
    CustomerDescribed,
    CustomerJoined,
    CustomerParted,
    CustomerSeen,
    CustomerTagged,
    PreferencesChanged,
)
from regulars.insight.audiences import deciding, exploring, jobs
from regulars.insight.audiences.asking import Kept
from regulars.insight.audiences.notices import AudienceDefined
from regulars.insight.measures.notices import ReadingsComputed
from regulars.runtime.database import clock
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.subscriptions import subscribe

_KEPT = Kept()


@subscribe(
    CustomerSeen,
    CustomerDescribed,
    ConsentGiven,
    ConsentWithdrawn,
    PreferencesChanged,
    CustomerTagged,
    OrderRecorded,
    OrderChanged,
    OrderCancelled,
    GoodsReturned,
    name="audiences.facts",
    history=True,
    in_batches=True,
)
def something_became_known(notices: Sequence[Notice]) -> None:
    """Look at whom they concern: once, however many there are of each."""
    customers = {getattr(notice, "customer", None) for notice in notices} - {None}
    deciding.decide_all((one for one in customers if one is not None), because="facts", kept=_KEPT)


@subscribe(CustomerJoined, CustomerParted, name="audiences.people", history=True, in_batches=True)
def people_became_others(notices: Sequence[CustomerJoined | CustomerParted]) -> None:
    """The record and the person it belongs to, or belonged to."""
    customers = {one for notice in notices for one in (notice.customer, notice.person)}
    deciding.decide_all(customers, because="joined", kept=_KEPT)


@subscribe(OrdersImported, ReturnsImported, ConsentsImported, name="audiences.imports", history=True, in_batches=True)
def history_came_in(notices: Sequence[Notice]) -> None:
    """However many batches of an import: one look at everybody, soon."""
    jobs.prove_soon()


@subscribe(ReadingsComputed, name="audiences.readings")
def readings_are_others(notice: ReadingsComputed) -> None:
    """Whoever asks for readings, or for the highest or lowest of all, is asked anew of everybody."""
    if notice.changed:
        jobs.look_through_computed.defer()
    exploring.count_wanted(at=clock.now())


@subscribe(AudienceDefined, name="audiences.fill", history=True)
def asks_something_else(notice: AudienceDefined) -> None:
    """Everybody is looked at for it."""
    jobs.fill.defer(audience=notice.audience)
