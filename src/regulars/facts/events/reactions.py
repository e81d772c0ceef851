"""What this room listens to."""

from regulars.facts.customers.notices import IdentityRulesChanged
from regulars.facts.events import devices
from regulars.runtime.notices.subscriptions import subscribe


@subscribe(IdentityRulesChanged, name="events.devices")
def count_devices_anew(_: IdentityRulesChanged) -> None:
    """Other rules, other devices that too many people use."""
    devices.reckon()
