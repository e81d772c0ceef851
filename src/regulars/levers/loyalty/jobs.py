"""What the clock does to points, booked by the minute; events that earn, birthdays; who is told before points lapse."""

from datetime import timedelta

from regulars.kit.actors import Actor
from regulars.levers.loyalty import (
    celebrating,
    examination,
    hearing,
    memberships,
    mission_walks,
    missions,
    order_spends,
    programmes,
    redemptions,
    regrants,
    requalifying,
    trials,
    warning,
)
from regulars.levers.loyalty._earning import missed_events
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.celebrating import celebrate_late
from regulars.levers.loyalty.hearing import hear_late
from regulars.levers.loyalty.regrants import regrant
from regulars.levers.loyalty.trials import try_out
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import every, task

__all__ = (
    "book_due",
    "bring_terms",
    "celebrate",
    "celebrate_late",
    "drop_missed_events",
    "drop_trials",
    "examine_lately",
    "hear",
    "hear_late",
    "regrant",
    "release_unpaid",
    "try_out",
    "warn_due",
    "write_memberships",
)

#: Accounts a minute; the rest comes with the next. What can be spent does not wait for it.
_ACCOUNTS = 20_000
_WARNINGS = 50_000
_STEPS = 50
#: People a minute whose status is worked out anew, where all are.
_LOOKED_AT = 300_000
#: Profiles an hour that are looked through for birthdays.
_PROFILES = 500_000


@task("loyalty.book_due", lock="loyalty.book_due")
def book_due(timestamp: int) -> None:
    """What lapsed, what matured, holds that ran out. Harmless to repeat."""
    clockwork.book_due(at=clock.now(), by=Actor("system", "loyalty.book_due"), most=_ACCOUNTS)


@task("loyalty.bring_terms", lock="loyalty.bring_terms")
def bring_terms(timestamp: int) -> None:
    """What versions that came into force say of their points. Harmless to repeat."""
    programmes.bring_terms(at=clock.now())


@task("loyalty.warn_due", lock="loyalty.warn_due")
def warn_due(timestamp: int) -> None:
    """Whose points lapse soon. Harmless to repeat."""
    warning.warn_due(at=clock.now(), by=Actor("system", "loyalty.warn_due"), most=_WARNINGS)


@task("loyalty.examine_lately", lock="loyalty.examine_lately")
def examine_lately(timestamp: int) -> None:
    """The books of everybody whose points moved since yesterday. Harmless to repeat."""
    now = clock.now()
    examination.examine_lately(since=now - timedelta(hours=25), at=now, by=Actor("system", "loyalty.examination"))


@task("loyalty.hear", lock="loyalty.hear")
def hear(timestamp: int) -> None:
    """Events since the last time, as far as there is time. Harmless to repeat."""
    for _ in range(_STEPS):
        if not hearing.listen():
            return


@task("loyalty.celebrate", lock="loyalty.celebrate")
def celebrate(timestamp: int) -> None:
    """Whose birthday it is. Harmless to repeat."""
    celebrating.celebrate(at=clock.now(), by=Actor("system", "loyalty.birthdays"), most=_PROFILES)


@task("loyalty.release_unpaid", lock="loyalty.release_unpaid")
def release_unpaid(timestamp: int) -> None:
    """Rewards whose money did not come in time. Harmless to repeat."""
    redemptions.release_unpaid(at=clock.now(), by=Actor("system", "loyalty.release_unpaid"))


@task("loyalty.memberships", lock="loyalty.memberships")
def write_memberships(timestamp: int) -> None:
    """What a day did to paid memberships: reminders, renewals, ends. Harmless to repeat."""
    memberships.write_due(at=clock.now(), by=Actor("system", "loyalty.memberships"))


@task("loyalty.go_on_regranting", lock="loyalty.regrant")
def go_on_regranting(timestamp: int) -> None:
    """Batches that broke off. Harmless to repeat."""
    regrants.take_up(at=clock.now())


@task("loyalty.drop_trials", lock="loyalty.drop_trials")
def drop_trials(timestamp: int) -> None:
    """Trials of long ago. Harmless to repeat."""
    trials.drop_old(at=clock.now())


@task("loyalty.drop_missed_events", lock="loyalty.drop_missed_events")
def drop_missed_events(timestamp: int) -> None:
    """Why not, of events of long ago. Harmless to repeat."""
    missed_events.drop_old(at=clock.now())


@task("loyalty.requalify_due", lock="loyalty.requalify_due")
def requalify_due(timestamp: int) -> None:
    """Whose status is another from today on, and everybody's where rules changed. Harmless to repeat."""
    by = Actor("system", "loyalty.tiers")
    requalifying.due(at=clock.now(), by=by)
    requalifying.go_on(at=clock.now(), by=by, most=_LOOKED_AT)


@task("loyalty.requalify_everyone", lock="loyalty.requalify_everyone")
def requalify_everyone(timestamp: int) -> None:
    """Everybody's status, from what they kept: what no notice told of is found. Harmless to repeat."""
    requalifying.anew(tells=True)


@task("loyalty.settle_missions", lock="loyalty.settle_missions")
def settle_missions(timestamp: int) -> None:
    """Everybody's missions where rules changed. Harmless to repeat."""
    mission_walks.go_on(at=clock.now(), by=Actor("system", "loyalty.missions"))


@task("loyalty.hand_out_rewards", lock="loyalty.hand_out_rewards")
def hand_out_rewards(timestamp: int) -> None:
    """Rewards that missions owe, and those of missions that came undone. Harmless to repeat."""
    missions.hand_out(at=clock.now(), by=Actor("system", "loyalty.missions"))


@task("loyalty.settle_everyones_missions", lock="loyalty.settle_everyones_missions")
def settle_everyones_missions(timestamp: int) -> None:
    """Everybody's missions, from what they kept: what no notice told of is found. Harmless to repeat."""
    mission_walks.anew(tells=True)
    mission_walks.drop_over(at=clock.now())


@task("loyalty.settle_order_spends", lock="loyalty.settle_order_spends")
def settle_order_spends(timestamp: int) -> None:
    """Whether orders that points were spent for came and stand. Harmless to repeat."""
    order_spends.settle(at=clock.now())


@task("loyalty.look_at_order_spends_again", lock="loyalty.settle_order_spends")
def look_at_order_spends_again(timestamp: int) -> None:
    """What no notice told of orders is found. Harmless to repeat."""
    order_spends.look_again_at_all(at=clock.now())


every("* * * * *", settle_missions)
every("* * * * *", hand_out_rewards)
every("37 2 * * *", settle_everyones_missions)
every("* * * * *", requalify_due)
every("23 2 * * *", requalify_everyone)
every("* * * * *", book_due)
every("* * * * *", bring_terms)
every("11 3 * * *", examine_lately)
every("* * * * *", release_unpaid)
every("*/10 * * * *", write_memberships)
every("7 * * * *", warn_due)
every("* * * * *", hear)
every("3 * * * *", celebrate)
every("*/5 * * * *", go_on_regranting)
every("41 2 * * *", drop_trials)
every("47 2 * * *", drop_missed_events)
every("*/10 * * * *", settle_order_spends)
every("53 2 * * *", look_at_order_spends_again)
