"""What measures and groups are called and mean, in the reader's language. The words stand with the measures."""

from dataclasses import dataclass

from django.utils.translation import get_language

from regulars.insight.measures import catalogue, segments
from regulars.insight.measures.measure import Words


@dataclass(frozen=True)
class Group:
    """A group of customers: its name, who they are, and what to do for them."""

    name: str
    meaning: str
    advice: str


def measure_words(name: str) -> Words:
    """KeyError for a measure nobody knows."""
    measure = catalogue.measure(name)
    return measure.zh if _is_chinese() else measure.en


def segment_words(name: str) -> Group:
    """KeyError for a group nobody knows."""
    segment = segments.segment(name)
    words = segment.zh if _is_chinese() else segment.en
    return Group(words.name, words.meaning, segment.advice_zh if _is_chinese() else segment.advice_en)


def _is_chinese() -> bool:
    return (get_language() or "").startswith("zh")
