"""Changing the master key: a new one, every person's key wrapped anew, the old one thrown away once nobody needs it.

What is sealed stays as it is: it is sealed with the persons' keys, and those do not change.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count

from regulars.kit.refusals import Refusal
from regulars.runtime import disk
from regulars.runtime.secrets import keyfile, vault
from regulars.runtime.secrets._master import BEFORE, fingerprint, is_from_environment, keyring, master_key
from regulars.runtime.secrets.models import PersonKey

#: A process that read the old key a moment ago may still wrap a new person's key with it.
SETTLE = timedelta(hours=1)
_BATCH = 5_000


class KeyFromEnvironment(Refusal):
    """Whoever set REGULARS_MASTER_KEY changes it, too."""

    code = "secrets.key_from_environment"


class Unfinished(Refusal):
    """The key before is still needed."""

    code = "secrets.rotation_unfinished"


@dataclass(frozen=True)
class Keys:
    """How many persons' keys the present master key wraps, the one before, and none that is at hand: those are lost."""

    present: int
    before: int
    unknown: int


def state() -> Keys:
    """One query over the persons' keys."""
    counts = dict(PersonKey.objects.values_list("master").annotate(Count("person")))
    present = counts.pop(fingerprint(master_key()), 0)
    before = sum(counts.pop(name, 0) for name in keyring())
    return Keys(present, before, sum(counts.values()))


def rotate() -> int:
    """Make a new master key in its file, keep the old one beside it, and wrap every person's key anew. How many.

    Refuses while an earlier change is unfinished, and where the key comes from the environment.
    """
    if is_from_environment():
        raise KeyFromEnvironment(
            "REGULARS_MASTER_KEY: set it to the new key and REGULARS_MASTER_KEY_BEFORE to the old one, restart, then"
            " run `regulars keys rewrap`"
        )
    folder = Path(settings.REGULARS_HOME) / "keys"
    if (folder / BEFORE).exists():
        raise Unfinished(
            "the key before this one is still kept; run `regulars keys rewrap`, then `regulars keys retire`"
        )
    master_key()
    # The old key has its second name before it loses its first: killed in between, nothing is lost.
    os.link(folder / "master", folder / BEFORE)
    disk.write_whole(folder / "master", keyfile.fresh() + "\n")
    return rewrap()


def rewrap() -> int:
    """Wrap every person's key that another master key wraps with the present one. How many. Harmless to repeat or kill.

    Raises vault.Damaged where a key is wrapped by a master key that is not at hand.
    """
    done = 0
    while moved := _rewrap_some():
        done += moved
    return done


def retire(*, at: datetime) -> bool:
    """Throw the key before away: False if there is none. Refuses while a person's key needs it, or within an hour."""
    old = Path(settings.REGULARS_HOME) / "keys" / BEFORE
    if not old.exists():
        return False
    if still := state().before:
        raise Unfinished(f"{still} persons' keys still need the key before; run `regulars keys rewrap`", still=still)
    if at.timestamp() - old.stat().st_ctime < SETTLE.total_seconds():
        raise Unfinished("the key was changed less than an hour ago; a process may still use the one before: wait")
    old.unlink()
    disk.sync_folder(old.parent)
    return True


def _rewrap_some() -> int:
    present = master_key()
    name, wrapping = fingerprint(present), AESGCM(present)
    masters = {known: AESGCM(key) for known, key in keyring().items()}
    with transaction.atomic(), connection.cursor() as cursor:
        rows = list(PersonKey.objects.select_for_update().exclude(master=name).order_by("person")[:_BATCH])
        wrapped = [
            vault.wrap(wrapping, row.person, vault.unwrap(masters, row.person, bytes(row.wrapped), row.master))
            for row in rows
        ]
        cursor.execute(
            "UPDATE secrets_person_key k SET wrapped = n.wrapped, master = %s"
            " FROM unnest(%s::bigint[], %s::bytea[]) AS n(person, wrapped) WHERE k.person = n.person",
            [name, [row.person for row in rows], wrapped],
        )
        return len(rows)
