"""What this room listens to: everything that can be heard from outside."""

from collections.abc import Sequence

from regulars.oversight.outbound import deliveries
from regulars.oversight.outbound.catalogue import KINDS
from regulars.runtime.database import clock
from regulars.runtime.notices.notice import Told
from regulars.runtime.notices.subscriptions import subscribe


@subscribe(
    *(kind.notice for kind in KINDS.values()), name="outbound.plan", history=True, in_batches=True, numbered=True
)
def plan(told: Sequence[Told]) -> None:
    deliveries.plan(told, at=clock.now())
