import pytest

from regulars.insight.measures import catalogue, segments
from regulars.insight.measures.measure import Measure


@pytest.mark.parametrize("measure", catalogue.ALL, ids=lambda measure: measure.name)
def test_every_measure_says_what_it_means_in_both_languages(measure: Measure):
    for words in (measure.en, measure.zh):
        assert words.name
        assert words.meaning
    assert any("一" <= letter <= "鿿" for letter in measure.zh.meaning)


def test_names_are_unique():
    names = [measure.name for measure in catalogue.ALL]
    assert len(set(names)) == len(names)


def test_every_pair_of_scores_has_one_group_and_every_group_some_pair():
    assert len(segments.BY_SCORES) == 25
    assert set(segments.BY_SCORES.values()) == set(segments.NAMES)
