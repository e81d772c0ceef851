"""Words for people from code that knows no framework: who knows the reader's language says how they are translated.

    from regulars.kit.texts import translated as _

Until somebody says so, as in a process that serves programs alone, they stay in English.
"""

from collections.abc import Callable

_speakers: list[Callable[[str], str]] = []


def speak(speaker: Callable[[str], str]) -> None:
    """From now on `speaker` translates, into the language of whoever is answered at that moment."""
    _speakers[:] = [speaker]


def translated(text: str) -> str:
    """`text` in the language of whoever reads it now. What varies is put in afterwards, by its name."""
    return _speakers[0](text) if _speakers else text
