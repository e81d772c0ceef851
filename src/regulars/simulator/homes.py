"""Whose home a folder is: a demo's, nobody's, or somebody's own. Asked before anything dear is imported."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from regulars.kit.refusals import Refusal
from regulars.runtime import disk


class NotADemo(Refusal):
    """A folder with something in it that no demo has put there."""

    code: ClassVar[str] = "demo.not_a_demo"


@dataclass(frozen=True)
class Shop:
    """What stands in a home's `demo.json`; `is_furnished` once all of it is in the database."""

    shoppers: int
    years: float
    seed: str
    until: str
    is_furnished: bool = False

    def __str__(self) -> str:
        return f"{self.shoppers:,} shoppers until {self.until}"


def shop_of(home: Path) -> Shop | None:
    """The demo shop of a home; None where the home is missing or empty. Refuses any other folder with NotADemo."""
    try:
        return Shop(**json.loads(_note(home).read_text(encoding="utf-8")))
    except FileNotFoundError:
        if not home.exists() or not any(home.iterdir()):
            return None
    except (OSError, ValueError, TypeError):
        pass  # Somebody else's demo.json, or a file where the folder should be: no demo either way.
    raise NotADemo(f"{home} was not made by `regulars demo`, which leaves it alone. Move it, or set REGULARS_HOME.")


def claim(home: Path, wanted: Shop) -> Shop:
    """Mark a missing or empty `home` as a demo's, before anything else is put there. Refuses with NotADemo.

    The shop there is, which may be another than `wanted`.
    """
    if (found := shop_of(home)) is not None:
        return found
    home.mkdir(parents=True, exist_ok=True)
    _write(home, wanted)
    return wanted


def furnished(home: Path, shop: Shop) -> Shop:
    """All of it is in the database."""
    done = replace(shop, is_furnished=True)
    _write(home, done)
    return done


def _note(home: Path) -> Path:
    return home / "demo.json"


def _write(home: Path, shop: Shop) -> None:
    disk.write_whole(_note(home), json.dumps(vars(shop)))
