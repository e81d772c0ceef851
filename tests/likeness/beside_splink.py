"""The same records, the same sort of comparisons, by Splink on DuckDB: `likely` as `likeness.likely` gives it.

Settings as in Splink's own examples for these sets: all fields, term frequencies for names, m by expectation
maximisation over two blocks, u from random pairs, the prior from exact rules.
"""

import polars as pl
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on


def likely(records: pl.DataFrame, at_least: float = 0.9) -> pl.DataFrame:
    """The pairs that Splink gives at least that probability: `one` and `other` (rows)."""
    frame = records.drop("truth").with_row_index("unique_id")
    there = set(frame.columns)
    comparisons = [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("birthday", [1, 2]),
        cl.JaroWinklerAtThresholds("address", [0.9, 0.7]),
    ]
    blocks = [
        block_on("given_name", "family_name"),
        block_on("birthday"),
        block_on("postcode", "family_name"),
        block_on("postcode", "given_name"),
        block_on("postcode", "substr(birthday, 1, 4)"),
        block_on("address"),
    ]
    if "postcode" in there:
        comparisons.append(cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]))
    if "suburb" in there:
        comparisons.append(cl.JaroWinklerAtThresholds("suburb", [0.9]))
        blocks.append(block_on("suburb", "substr(given_name, 1, 1)"))
    if "national_id" in there:
        comparisons.append(cl.DamerauLevenshteinAtThresholds("national_id", [1, 2]))
        blocks.append(block_on("national_id"))
    for contact in ("phone", "email"):
        if contact in there:
            comparisons.append(cl.DamerauLevenshteinAtThresholds(contact, [1]))
            blocks.append(block_on(contact))
    api = DuckDBAPI()
    linker = Linker(
        api.register(frame.to_arrow()),
        SettingsCreator(
            link_type="dedupe_only",
            comparisons=comparisons,
            blocking_rules_to_generate_predictions=blocks,
            retain_matching_columns=False,
        ),
    )
    sure = [block_on("given_name", "family_name", "birthday")]
    if "national_id" in there:
        sure.append(block_on("national_id"))
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("birthday"))
    names = ("email",) if "email" in there else ("given_name", "family_name")
    linker.training.estimate_parameters_using_expectation_maximisation(block_on(*names))
    found = linker.inference.predict(threshold_match_probability=at_least)
    pairs = api.duckdb_con.sql(f"SELECT unique_id_l, unique_id_r FROM {found.physical_name}").arrow()
    table = pl.from_arrow(pairs.read_all() if hasattr(pairs, "read_all") else pairs)
    assert isinstance(table, pl.DataFrame)
    return table.rename({"unique_id_l": "one", "unique_id_r": "other"})
