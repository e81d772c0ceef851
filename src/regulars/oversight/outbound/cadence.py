"""When something comes round: every hour, day, week or month, on the shop's clock. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from regulars.kit import civil
from regulars.kit.refusals import Refusal

Round = Literal["hourly", "daily", "weekly", "monthly"]
ROUNDS: tuple[Round, ...] = ("hourly", "daily", "weekly", "monthly")


class BadCadence(Refusal):
    """A time that does not come round so."""

    code = "exports.bad_cadence"


@dataclass(frozen=True)
class Cadence:
    """`hour` counts from 0 to 23 on the shop's clock, but for hourly; `weekday` from 1, a Monday, to 7.

    `day` is a month's, from 1 to 31; a shorter month has it on its last day.
    """

    round: Round
    hour: int = 3
    weekday: int = 1
    day: int = 1

    def __post_init__(self) -> None:
        for name, least, most in (("hour", 0, 23), ("weekday", 1, 7), ("day", 1, 31)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise BadCadence(
                    _("%(name)s: %(value)s is not from %(least)s to %(most)s")
                    % {"name": name, "value": value, "least": least, "most": most},
                    field=name,
                    value=value,
                )
        if self.round not in ROUNDS:
            raise BadCadence(
                _("round: choose from %(rounds)s") % {"rounds": ", ".join(ROUNDS)},
                field="round",
                value=str(self.round)[:20],
            )

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The first time after `instant`, in UTC. Where clocks are put forward over it, the moment after the gap."""
        if self.round == "hourly":
            return instant.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        # Two rounds are enough: the one under way, whose time may be over, and the next.
        today = civil.day_of(instant, zone)
        for step in (0, 1):
            due = civil.instant_of(self._day(today, step), time(self.hour), zone)
            if due > instant:
                return due
        return civil.instant_of(self._day(today, 2), time(self.hour), zone)

    def _day(self, today: date, step: int) -> date:
        """The day of this round, or of the round `step` later."""
        if self.round == "daily":
            return today + timedelta(days=step)
        if self.round == "weekly":
            return today + timedelta(days=(self.weekday - today.isoweekday()) % 7 + 7 * step)
        first = civil.add_months(civil.month_of(today), step)
        last = civil.add_months(first, 1) - timedelta(days=1)
        return first.replace(day=min(self.day, last.day))
