from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.kit import ids
from regulars.kit.refusals import Refusal

LI = UUID("0192d3a4-5b6c-4d7e-8f90-a1b2c3d4e5f6")


def test_an_id_is_a_prefix_and_26_letters() -> None:
    assert len(ids.public("cus", LI)) == 30
    assert ids.public("cus", UUID(int=0)) == "cus_" + "0" * 26
    assert ids.public("cus", UUID(int=2**128 - 1)) == "cus_7" + "z" * 25


def test_look_alikes_and_capitals_are_read_as_meant() -> None:
    zeros_and_ones = UUID(int=int("00001" * 25, 2))
    text = ids.public("cus", zeros_and_ones)
    assert ids.parse("  " + text.upper().replace("1", "L") + "\n", "cus") == zeros_and_ones
    assert ids.parse(text.replace("0", "O").replace("1", "I"), "cus") == zeros_and_ones


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cus_",
        "ord_" + "0" * 26,
        "cus_" + "0" * 25,
        "cus_" + "0" * 27,
        "cus_8" + "0" * 25,
        "cus_u" + "0" * 25,
        "cus-" + "0" * 26,
        "0" * 26,
        "cus_" + "0" * 100_000,
        "cus_" + "０" * 26,
        None,
        7,
    ],
)
def test_anything_else_is_refused_with_its_mend(text: str) -> None:
    with pytest.raises(Refusal, match="starts with cus_; copy it whole") as refused:
        ids.parse(text, "cus")
    assert len(refused.value.message) < 250


def test_a_prefix_is_the_programmers() -> None:
    with pytest.raises(ValueError, match="prefix"):
        ids.public("Cus_", LI)


@given(st.uuids())
def test_every_uuid_reads_back(uuid: UUID) -> None:
    assert ids.parse(ids.public("ord", uuid), "ord") == uuid
    assert ids.parse(ids.public("ord", uuid).upper(), "ord") == uuid


@given(st.uuids(), st.uuids())
def test_ids_sort_as_their_uuids_do(one: UUID, other: UUID) -> None:
    assert (ids.public("cus", one) < ids.public("cus", other)) is (one.int < other.int)


@given(st.text(max_size=40))
def test_no_text_crashes_the_reader(text: str) -> None:
    with suppress(Refusal):
        assert ids.public("cus", ids.parse(text, "cus")).startswith("cus_")
