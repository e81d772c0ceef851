"""Whether what goes out arrives."""

from collections.abc import Iterator
from datetime import timedelta

from regulars.oversight.outbound import endpoints
from regulars.runtime.checkups import Checkup, Finding
from regulars.runtime.database import clock

#: An endpoint that has failed so long is a matter for the doctor.
LONG = timedelta(hours=1)


def _endpoints() -> Iterator[Finding]:
    """Every endpoint that is switched off or has failed for long."""
    now, waiting, well = clock.now(), endpoints.waiting(), 0
    for one in endpoints.every():
        waits = waiting[one.id].count if one.id in waiting else 0
        if one.state == "off":
            mend = "Mend the receiver and resume the endpoint under Setup, Webhooks; or retire it."
            yield Finding("Webhooks", "warning", f"{one.name} is switched off, {waits} messages wait", mend)
        elif one.state == "on" and one.failing_since is not None and now - one.failing_since > LONG:
            mend = "Mend the receiver; what waits goes when it answers again."
            said = f"{one.name} has failed since {one.failing_since:%Y-%m-%d %H:%M} UTC, {waits} messages wait"
            yield Finding("Webhooks", "warning", said, mend)
        elif one.state != "retired":
            well += 1
    if well:
        yield Finding("Webhooks", "fine", f"{well} endpoints are well, or paused by somebody")


CHECKUPS: tuple[Checkup, ...] = (_endpoints,)
