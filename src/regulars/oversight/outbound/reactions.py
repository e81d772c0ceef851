"""What this room listens to: everything that can be heard from outside."""

from collections.abc import Sequence

from regulars.facts.customers import persons
from regulars.facts.customers.notices import CustomerJoined, CustomerParted
from regulars.oversight.outbound import deliveries, writing
from regulars.oversight.outbound.catalogue import KINDS
from regulars.runtime.database import clock
from regulars.runtime.notices.notice import Told
from regulars.runtime.notices.subscriptions import subscribe


@subscribe(CustomerJoined, CustomerParted, name="outbound.spread", history=True, in_batches=True)
def spread(notices: Sequence[CustomerJoined | CustomerParted]) -> None:
    """Who is whose changed, and with it whom shops know by which name."""
    people = {number for notice in notices for number in (notice.customer, notice.person)}
    writing.spread(people=sorted(persons.of_many(people).values()), at=clock.now())


@subscribe(
    *(kind.notice for kind in KINDS.values()), name="outbound.plan", history=True, in_batches=True, numbered=True
)
def plan(told: Sequence[Told]) -> None:
    deliveries.plan(told, at=clock.now())
