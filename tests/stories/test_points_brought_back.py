"""Points at a moment that is brought back: what was given by then is there and can be spent, what was spent after it
was not, and the books agree; and whoever was forgotten since is forgotten in what came back."""

import json
from pathlib import Path

import pytest

from regulars.runtime.postgres.tests.builders import a_home
from tests.stories.asking import regulars
from tests.stories.test_up import environment

PASSPHRASE = {"REGULARS_KEYS_PASSPHRASE": "a long and quiet afternoon"}
_BEGIN = """
import json
from datetime import date
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import points
from regulars.runtime.database import clock
now = clock.now()
def who():
    return customers.resolve_many(namespace="till", refs=["li"], at=now, by=SHELL, origin="live")["li"]
def give(amount, on, key):
    points.award(customer=who(), amount=amount, expires_on=on, key=key, at=now, by=SHELL)
def tell(**more):
    stands = points.balance(customer=who(), at=now)
    ends = [[str(one.on), one.available] for one in points.expiring(customer=who(), at=now)]
    has = [stands.pending, stands.available, stands.held, stands.debt]
    print("TOLD " + json.dumps({"has": has, "ends": ends, **more}))
"""
GIVE = 'give(100, date(2090, 1, 31), "one"); tell()'
SEAL = """
from regulars.runtime.secrets import vault
for person in (7, 8):
    vault.seal(person=person, table="t", column="c", row=1, plain="Priya Patel")
tell()
"""
FORGET = """
from pathlib import Path
from django.conf import settings
from regulars.runtime.secrets import forgotten, vault
from regulars.runtime.secrets.models import PersonKey
tell()
vault.forget(7)
forgotten.keep(Path(settings.REGULARS_HOME) / "backups")
tell()
"""
KEYS = """
from regulars.runtime.secrets.models import ForgottenPerson, PersonKey
tell(keys=list(PersonKey.objects.filter(person__in=(7, 8)).values_list("person", flat=True)),
     forgotten=list(ForgottenPerson.objects.values_list("person", flat=True)))
"""
MORE = """
give(50, date(2080, 6, 30), "two")
points.hold(customer=who(), amount=20, owner="cart", key="h", at=now, by=SHELL); tell()
"""
SPEND = """
tell(moment=clock.now().isoformat())
import time; time.sleep(0.05); now = clock.now()
points.redeem(customer=who(), amount=120, key="mug", at=now, by=SHELL); tell()
"""


def tells(home: Path, words: str) -> dict:
    done = regulars("manage", "shell", "-c", _BEGIN + words, environment=environment(home))
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    return {**said[0], "after": said[-1]}


@pytest.mark.slow
def test_a_moment_before_points_were_spent_is_brought_back_and_they_can_be_spent_again() -> None:
    with a_home("points") as home, a_home("again") as new:
        # Any command of the house makes the database first.
        assert regulars("points", "pledges", environment=environment(home)).returncode == 0
        tells(home, GIVE)
        tells(home, SEAL)
        kept = home / "shop.keys"
        saved = regulars("keys", "save", str(kept), environment=environment(home) | PASSPHRASE)
        assert saved.returncode == 0, saved.stdout + saved.stderr
        made = regulars("backup", "--json", environment=environment(home))
        assert made.returncode == 0, made.stderr
        stood = tells(home, MORE)
        assert (stood["has"], stood["ends"]) == ([0, 130, 20, 0], [["2080-06-30", 30], ["2090-01-31", 100]])
        spent = tells(home, SPEND)
        assert spent["after"]["has"] == [0, 10, 20, 0]
        # Somebody asks to be forgotten after the moment that will come back, when they have a key.
        tells(home, FORGET)

        to = ("restore", "--from", str(home / "backups"), "--to", spent["moment"], "--keys", str(kept), "--json")
        done = regulars(*to, environment=environment(new) | PASSPHRASE)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert (told["accounts"], told["forgotten_again"]) == (1, 1)
        keys = tells(new, KEYS)
        assert (keys["keys"], keys["forgotten"]) == ([8], [7])
        found = tells(new, "tell()")
        assert (found["has"], found["ends"]) == (stood["has"], stood["ends"])
        ledger = regulars("doctor", "ledger", environment=environment(new))
        assert ledger.returncode == 0, ledger.stdout + ledger.stderr
        # The key of what was spent after that moment is free: told again, it is done.
        assert tells(new, SPEND)["after"]["has"] == [0, 10, 20, 0]
        # And what was told before it is known.
        assert tells(new, GIVE)["has"] == [0, 10, 20, 0]
