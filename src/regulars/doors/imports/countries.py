"""Names of countries, in English and Chinese, as the two-letter codes of ISO 3166."""

import csv
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "countries.csv"


@cache
def codes() -> dict[str, str]:
    """Code by every known name, in small letters; each code also names itself."""
    with _FILE.open(encoding="utf-8", newline="") as lines:
        return {name.casefold(): row[0] for row in csv.reader(lines) for name in row}
