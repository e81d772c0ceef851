import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.customers import survivorship
from regulars.facts.customers.survivorship import Because, Said, Standing

STAFF_FIRST = survivorship.ranks(["staff", "till"])


def said(text: str, at: int, source: str = "till", record: int = 1) -> Said:
    return Said(text, at, "import:1", source, record)


@pytest.mark.parametrize(
    ("words", "shown", "because"),
    [
        ([], "", Because.NOTHING),
        ([said("Li", 1)], "Li", Because.ONLY),
        ([said("Li", 1), said("Li Wei", 2, "web")], "Li Wei", Because.NEWEST),
        ([said("Li", 1), said("Li", 2, "web")], "Li", Because.AGREED),
        ([said("Li", 1), said("", 2, "web")], "", Because.WITHDRAWN),
        ([said("", 1), said("Li", 2, "web")], "Li", Because.ONLY),
        ([said("", 1)], "", Because.NOTHING),
        ([said("Li", 1, record=1), said("Wei", 1, record=2)], "Li", Because.NEWEST),
    ],
)
def test_of_equally_sure_sources_the_newest_counts(words: list[Said], shown: str, because: Because) -> None:
    best = survivorship.chosen(words, {})
    assert (best.text if best else "") == shown
    assert survivorship.explained(words, {})[0] is because


def test_a_surer_source_counts_whatever_the_time() -> None:
    words = [said("from the till", 3), said("by hand", 1, "staff"), said("from the web", 9, "web")]
    because, told = survivorship.explained(words, STAFF_FIRST)
    assert because is Because.SUREST
    assert [(one.text, standing) for one, standing in told] == [
        ("by hand", Standing.SHOWN),
        ("from the web", Standing.OUTRANKED),
        ("from the till", Standing.OUTRANKED),
    ]


def test_who_is_less_sure_withdraws_nothing_of_a_surer_one() -> None:
    assert survivorship.chosen([said("by hand", 1, "staff"), said("", 2, "web")], STAFF_FIRST) is not None
    withdrawn = [said("from the web", 1, "web"), said("", 2, "staff")]
    assert survivorship.chosen(withdrawn, STAFF_FIRST) is None
    assert survivorship.explained(withdrawn, STAFF_FIRST)[1][1][1] is Standing.WITHDRAWN
    assert survivorship.chosen([*withdrawn, said("said since", 3)], STAFF_FIRST) == said("said since", 3)


_WORDS = st.lists(
    st.builds(
        said,
        st.sampled_from(["", "Li", "Wei"]),
        st.integers(1, 4),
        st.sampled_from(["staff", "till", "web", "app"]),
        st.integers(1, 2),
    ),
    max_size=5,
    unique_by=lambda one: (one.source, one.record),
)


@given(_WORDS)
def test_the_order_of_the_words_never_counts(words: list[Said]) -> None:
    answers = [survivorship.explained(list(order), STAFF_FIRST) for order in itertools.permutations(words)]
    assert all(answer == answers[0] for answer in answers)
    because, told = answers[0]
    assert [one for one, standing in told if standing is Standing.SHOWN] == [
        one for one in [survivorship.chosen(words, STAFF_FIRST)] if one
    ]
    assert (because in (Because.NOTHING, Because.WITHDRAWN)) == (survivorship.chosen(words, STAFF_FIRST) is None)
