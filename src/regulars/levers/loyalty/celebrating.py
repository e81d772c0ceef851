"""Birthdays: points on the civil day in the programme's zone, of who told one, where a programme that is active has a
rule for it. Looked for by the hour, so that who tells it on the day itself has it too. Of a member whose points are
frozen it waits until they go on."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from regulars.facts.customers import kept_birthdays, persons
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.levers.loyalty import earning, programmes
from regulars.levers.loyalty._earning.earned import waiting_birthdays
from regulars.levers.loyalty._earning.rows import BirthdayRun, Version
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules.event import BIRTHDAY
from regulars.levers.loyalty.rules.views import EventView
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task

#: Days that are made up for where nothing ran meanwhile.
CATCH_UP = 7
#: Before the last look: what was being told then may not have been there yet.
_LATE = timedelta(hours=2)


def celebrate(*, at: datetime, by: Actor, most: int | None = None, size: int = kept_birthdays.PAGE) -> int:
    """Award all that is due by `at`, of some `most` profiles. Harmless to repeat; killed anywhere it goes on from the
    page it was at. How many awards."""
    done = 0
    for one in programmes.active(at):
        if any(rule.event == BIRTHDAY for rule in one.programme.of_events):
            done += _of_programme(one.version, one.programme, at=at, by=by, most=most, size=size)
    return done


@task("loyalty.celebrate_late", lock="loyalty.celebrate")
def celebrate_late(customer: int) -> None:
    """Birthdays on which the person's points were frozen. Harmless to repeat."""
    make_up(customer=customer, at=clock.now(), by=Actor("system", "loyalty.birthdays"))


def make_up(*, customer: int, at: datetime, by: Actor) -> int:
    """Award what waited while the person's points were frozen, to last as long as if the birthday were now. Harmless to
    repeat. How many awards."""
    done = 0
    for subject, version, record, moment in waiting_birthdays(persons.records_of(persons.of(customer))):
        programme = programmes.read(version)
        zone = civil.zone(programme.zone)
        year = subject.partition("/")[0].rpartition(":")[2]
        event = EventView(BIRTHDAY, moment, civil.day_of(moment, zone), year=int(year) if year else None)
        today = civil.day_of(at, zone)
        done += earning.award_for_event(
            customer=record, event=event, at=at, by=by, programme=programme.code, waits=True, lasts_from=today
        ).awards
    return done


def _of_programme(version: int, programme: Programme, *, at: datetime, by: Actor, most: int | None, size: int) -> int:
    zone = civil.zone(programme.zone)
    today, number = civil.day_of(at, zone), Version.objects.values_list("programme_id", flat=True).get(id=version)
    done = 0
    for day in _days(number, today):
        run, _is_new = BirthdayRun.objects.get_or_create(programme_id=number, day=day, defaults={"looked_at": at})
        if run.is_done:
            continue
        moment = at if day == today else civil.start_of_day(day + timedelta(days=1), zone) - timedelta(microseconds=1)
        looked, since, until = 0, run.looked_at - _LATE, run.after
        while most is None or looked < most:
            page = kept_birthdays.kept_on(day, after=run.after, size=size, leap_day=programme.leap_day)
            if page.last is None:
                run.is_done = day < today
                break
            done += _award(page.found, programme, day, moment, at=at, by=by)
            run.after, looked = page.last, looked + size
            run.save(update_fields=["after"])
        after: int | None = 0
        while after is not None and after < until:
            page = kept_birthdays.kept_on(day, after=after, size=size, since=since, leap_day=programme.leap_day)
            done += _award(page.found, programme, day, moment, at=at, by=by)
            after = page.last
        run.looked_at = at
        run.save(update_fields=["looked_at", "is_done"])
    return done


def _days(programme: int, today: date) -> list[date]:
    """From the last day that was looked at on; of who begins, today alone."""
    last = BirthdayRun.objects.filter(programme_id=programme).order_by("-day").values_list("day", flat=True).first()
    first = today if last is None else max(min(last, today), today - timedelta(days=CATCH_UP))
    return [first + timedelta(days=more) for more in range((today - first).days + 1)]


def _award(
    people: Mapping[int, int], programme: Programme, day: date, moment: datetime, *, at: datetime, by: Actor
) -> int:
    done = 0
    for person, year in sorted(people.items()):
        event = EventView(BIRTHDAY, moment, day, year=year)
        done += earning.award_for_event(
            customer=person, event=event, at=at, by=by, programme=programme.code, waits=True
        ).awards
    return done
