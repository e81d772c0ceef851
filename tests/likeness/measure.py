"""Precision, recall and speed of suggestions beside Splink: `make likeness`, or `python -m tests.likeness.measure`."""

import logging
import resource
import time
import warnings
from collections.abc import Callable

import click
import polars as pl

from regulars.facts.customers import likeness
from tests.likeness import beside_splink, exam, febrl
from tests.likeness.crowd import crowd


@click.command()
@click.option("--rows", default=300_000, show_default=True, help="Records of the crowd on which speed is measured.")
@click.option("--alone", is_flag=True, help="Without Splink beside it.")
def measure(rows: int, alone: bool) -> None:
    """Print a line for each set and method, at 0.9."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    methods: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {"regulars": likeness.likely}
    if not alone:
        methods["splink"] = beside_splink.likely
    for name in febrl.SETS:
        whole = febrl.load(name)
        for records, what in ((whole, "all fields"), (whole.drop("national_id"), "no national id")):
            for method, find in methods.items():
                _show(f"{name}, {what}", method, records, find)
    records = crowd(rows)
    for method, find in methods.items():
        _show(f"{rows:,} customers", method, records, find)


def _show(what: str, method: str, records: pl.DataFrame, find: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    began = time.monotonic()
    marks = exam.mark(records["truth"], find(records))
    took = time.monotonic() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    click.echo(
        f"| {what} | {method} | {marks.precision:.4f} | {marks.recall:.4f} | {marks.f1:.4f} | {marks.wrong} |"
        f" {marks.missed} | {took:.1f} s | {most} MB |"
    )


if __name__ == "__main__":
    measure()
