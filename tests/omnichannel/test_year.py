"""A year of simulated people who meet one company everywhere, against who they are.

`make omnichannel` runs the long form and prints a line of a table for each seed; the short form runs with the tests.
"""

import os
import sys
import time
from pathlib import Path

import pytest

from regulars.facts.customers import customers
from regulars.simulator.omnichannel import Plan, make
from tests.omnichannel import exam, living

pytestmark = pytest.mark.django_db
PEOPLE = int(os.environ.get("REGULARS_OMNICHANNEL_PEOPLE", "0"))
SILENCE = float(os.environ.get("REGULARS_OMNICHANNEL_SILENCE", "1"))
SEEDS = os.environ.get("REGULARS_OMNICHANNEL_SEEDS", "one two three").split() if PEOPLE else []


@pytest.mark.slow
def test_nobody_is_wrongly_joined_and_nearly_all_who_proved_it_are(tmp_path: Path) -> None:
    year = make(Plan(people=80, seed="short"))

    came, records = living.live(year, folder=tmp_path, days=333)

    assert set(records) == set(year.owners), "every door brought in everybody it knows"
    marks = exam.mark(year, records)
    assert marks.wrong - marks.kin == 0, marks
    assert marks.of_provable >= 0.95, marks
    assert customers.count() == marks.people, "nobody came of what programs send for nobody"
    assert came.refused, "nonsense was refused"
    assert exam.questions(year, records)["worn"], "the till's own number is one question"
    assert exam.browsing(year, records).right > 80


@pytest.mark.parametrize("seed", SEEDS)
def test_the_long_form(seed: str, tmp_path: Path) -> None:
    def tell(done: int, of: int) -> None:
        print(f"\r{seed}: day {done} of {of} ", end="" if done < of else "\n", file=sys.stderr, flush=True)

    began = time.monotonic()
    year = make(Plan(people=PEOPLE, seed=seed, silence=SILENCE))
    came, records = living.live(year, folder=tmp_path, days=35, progress=tell)
    marks, asked, looked = exam.mark(year, records), exam.questions(year, records), exam.browsing(year, records)

    told = ", ".join(f"{kind} {of[True]}/{of.total()}" for kind, of in sorted(asked.items()))
    print(
        f"\n| {seed} | {marks.records:,} | {marks.owners:,} | {marks.people:,} | {marks.wrong - marks.kin} |"
        f" {marks.kin} | {marks.right:,} of"
        f" {marks.provable:,} ({marks.of_provable:.1%}) | {marks.true:,} ({marks.of_true:.1%}) |\n"
        f"questions (one person in truth / asked): {told}\n"
        f"browsers: {looked}; refused: {dict(came.refused)}\n"
        f"messages: {dict(came.verdicts)}; rows left out: {came.rows_bad}\n"
        f"hard: {dict(year.trouble)}; {time.monotonic() - began:.0f} s"
    )
    assert marks.wrong - marks.kin == 0, marks
