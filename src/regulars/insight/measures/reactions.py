"""What measures listen to."""

from collections.abc import Sequence

from regulars.facts.commerce.notices import OrdersImported, ReturnsImported
from regulars.insight.measures import jobs
from regulars.runtime.notices.notice import Notice
from regulars.runtime.notices.subscriptions import subscribe


@subscribe(OrdersImported, ReturnsImported, name="measures.refresh_after_import", history=True, in_batches=True)
def orders_came_in(notices: Sequence[Notice]) -> None:
    """However many batches of an import were announced: one refresh, soon."""
    jobs.refresh_soon()
