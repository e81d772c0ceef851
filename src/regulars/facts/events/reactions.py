"""What this room listens to."""

from regulars.facts.customers.notices import IdentityRulesChanged, TraitDefined
from regulars.facts.events import devices, jobs
from regulars.runtime.notices.subscriptions import subscribe


@subscribe(IdentityRulesChanged, name="events.devices")
def count_devices_anew(_: IdentityRulesChanged) -> None:
    """Other rules, other devices that too many people use."""
    devices.reckon()


@subscribe(TraitDefined, name="events.take_over_trait")
def take_over_what_was_told_before(notice: TraitDefined) -> None:
    """In the background: it looks at every visitor."""
    jobs.take_over_trait.defer(code=notice.code)
