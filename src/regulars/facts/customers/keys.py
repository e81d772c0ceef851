"""A key makes the repeat of an act harmless: again it gives the first answer, whatever happened since, and writes
nothing. Under a key that told something else nothing is written either: it is refused.

Acts are remembered whether they changed anything or not; one that was refused was no act, and may be tried again. Verbs
that tell many keep the key with the row each of them writes, and compare what the row holds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.facts.customers.models import Act
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import lookup

Answer = TypeVar("Answer")


class KeyTaken(Refusal):
    """The key told something else before."""

    code = "customers.key_taken"


@dataclass(frozen=True)
class Acts(Generic[Answer]):
    """Acts of one kind (`of`), whose keys mean nothing to others: what each told, as a keyed hash, and its answer.

    `kept` and `read` bring an answer into JSON and back: ids and numbers, never what is personal. `taken` refuses a
    key that told something else, `bad` one that is none.
    """

    of: str
    longest: int
    kept: Callable[[Answer], Any]
    read: Callable[[Any], Answer]
    taken: type[KeyTaken] = KeyTaken
    bad: type[Refusal] = KeyTaken

    def once(self, *, key: str, told: Mapping[str, Any], act: Callable[[], Answer]) -> Answer:
        """What `act` answers, or what it answered when `key` first told the same. One transaction; three statements."""
        check(key, self.longest, self.bad)
        now = digest(told)
        with transaction.atomic():
            with connection.cursor() as cursor:
                # Two of one key at the same moment: the second waits, and then finds the first.
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"act/{self.of}/{key}"])
            if earlier := Act.objects.filter(of=self.of, key=key).first():
                # What was told before acts were remembered was not compared.
                before = now if earlier.told is None else bytes(earlier.told)
                check_same(key, before=before, now=now, refusal=self.taken)
                return self.read(earlier.answer)
            answer = act()
            Act.objects.create(of=self.of, key=key, told=now, answer=self.kept(answer))
            return answer


def same(answer: Answer) -> Answer:
    """The answer of acts that answer in JSON already."""
    return answer


def check(key: str, longest: int, refusal: type[Refusal]) -> None:
    """Refuses, with `refusal`, what is no key."""
    if not key or len(key) > longest:
        raise refusal(
            _("key: give 1 to %(longest_key)s characters, not %(length)s")
            % {"longest_key": longest, "length": len(key)},
            field="key",
            value=len(key),
        )


def check_same(key: str, *, before: object, now: object, refusal: type[KeyTaken] = KeyTaken) -> None:
    """Refuses, with `refusal`, a key under which something else was told."""
    if before != now:
        raise refusal(
            _("key: %(key)r told something else; give each act its own key") % {"key": key}, field="key", value=key
        )


def digest(told: Mapping[str, Any]) -> bytes:
    """What was told, to be compared and never read: personal as it may be."""
    return lookup.digest("told", json.dumps(told, default=str, ensure_ascii=False, sort_keys=True))
