"""Pictures of levels: kept by name, served by what they show, and by brand."""

import pytest

from regulars.levers.loyalty import pictures
from regulars.levers.loyalty.tests.builders import MAREK, MONDAY
from regulars.levers.loyalty.tests.orders_seen import a_programme

PNG = b"\x89PNG\r\n\x1a\n" + b"leaf"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


def keeps(name, body) -> pictures.PictureView:
    return pictures.keep(name=name, body=body, at=MONDAY, by=MAREK)


@pytest.mark.django_db
def test_a_picture_is_kept_by_name_and_another_one_has_another_address():
    leaf = keeps("leaf", PNG)
    assert (leaf.kind, leaf.bytes, keeps("leaf", PNG)) == ("png", len(PNG), leaf)
    keeps("gold", b"\xff\xd8\xff\xe0")
    assert [(one.name, one.kind) for one in pictures.every()] == [("gold", "jpeg"), ("leaf", "png")]
    assert pictures.at_digest(leaf.digest) == ("png", PNG)
    other = keeps("leaf", WEBP)
    assert (other.kind, pictures.digests(["leaf", "none", ""])) == ("webp", {"leaf": other.digest})
    with pytest.raises(pictures.UnknownPicture):
        pictures.at_digest(leaf.digest)
    for name, body in (
        ("Leaf", PNG),
        ("../x", PNG),
        ("leaf", b""),
        ("leaf", b"<svg onload='x'/>"),
        ("leaf", b"RIFF0000WAVE"),
        ("leaf", PNG + bytes(pictures.LARGEST)),
    ):
        with pytest.raises(pictures.BadPicture):
            keeps(name, body)


def test_a_brand_has_its_own_names_and_pictures_where_it_says_so_and_they_are_no_rule():
    silver = "{id: silver, name: {en: Silver, zh: 银卡}, image: leaf, asks_}"
    told = f"tiers: [{{id: status, levels: [{silver}, {{id: gold, asks_}}]}}]"
    asks = "all: [{what: orders, at_least: 2}]"
    of_brands = "brands: [{brand: tea_house, name: {en: Leaf, zh: 叶}}, {brand: cups, image: cup}], " + asks
    rule = "id: s, kind: spend, points: 1, per: 1"
    plain = a_programme(rule, above=told.replace("asks_", asks).replace("image: leaf, ", ""))
    [tiers] = a_programme(rule, above=told.replace("asks_", of_brands, 1).replace("asks_", asks)).tiers

    def shown(brand):
        return [(one.titles["en"], one.image) for one in tiers.of_brand(brand).levels]

    assert shown("") == shown("another") == [("Silver", "leaf"), ("gold", "")]
    assert shown("tea_house") == [("Leaf", "leaf"), ("gold", "")]
    assert shown("cups") == [("Silver", "cup"), ("gold", "")]
    # Nobody is gone through again for it.
    assert repr(plain.tiers) == repr((tiers,))
