import pytest

from regulars.oversight.reporting import drawings, formats


@pytest.mark.django_db
def test_what_was_drawn_is_not_drawn_again_until_numbers_or_language_change():
    drawn = []

    def draw(numbers: list[int]) -> str:
        drawn.append(numbers)
        return f"<svg>{numbers}</svg>"

    for _ in range(2):
        with formats.spoken_in("en"):
            assert drawings.drawn("bars", draw, [1, 2]) == "<svg>[1, 2]</svg>"
    assert drawn == [[1, 2]]
    with formats.spoken_in("en"):
        drawings.drawn("bars", draw, [1, 3])
    with formats.spoken_in("zh"):
        drawings.drawn("bars", draw, [1, 2])
    assert drawn == [[1, 2], [1, 3], [1, 2]]
