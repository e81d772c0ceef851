"""Both languages are complete: what is asked for is translated and compiled, and nothing slips past gettext."""

import re
import string

import pytest

from tests.contracts import catalogue

_PLACE = re.compile(r"%\(\w+\)[sd]")


def test_every_text_has_its_chinese():
    kept, wanted = catalogue.texts(catalogue.kept()), catalogue.texts(catalogue.wanted())
    missing = sorted(key for key in wanted if not all(kept.get(key, ("",))))
    assert not missing, "run python tests/contracts/catalogue.py and write the Chinese of " + repr(missing)
    left_over = kept.keys() - wanted.keys()
    assert not left_over, "no code asks for these any more; run python tests/contracts/catalogue.py"


def test_nothing_is_fuzzy():
    assert [message.id for message in catalogue.kept() if message.id and message.fuzzy] == []


def test_the_compiled_catalogue_is_the_written_one():
    assert catalogue.texts(catalogue.compiled()) == catalogue.texts(catalogue.kept())


def test_translations_keep_their_placeholders():
    for (_context, english), chinese in catalogue.texts(catalogue.kept()).items():
        for form in chinese:
            assert set(_PLACE.findall(form)) == set(_PLACE.findall(english)), (english, form)


def test_chinese_is_chinese():
    """A msgid copied over as its own translation is a forgotten one, unless it is a name or a figure."""
    for (_context, english), chinese in catalogue.texts(catalogue.kept()).items():
        words = _PLACE.sub("", english).strip(string.punctuation + " ·–…“”")
        if re.search(r"[A-Za-z]{3,} [A-Za-z]{3,}", words):
            assert re.search(r"[\u4e00-\u9fff]", "".join(chinese)), english


@pytest.mark.parametrize(
    "template", list(catalogue.templates()), ids=lambda file: file.relative_to(catalogue.SOURCE).as_posix()
)
def test_templates_say_nothing_past_gettext(template):
    assert catalogue.untranslated_text(template.read_text()) == []


def test_the_net_catches_what_slips_past_gettext():
    assert catalogue.untranslated_text('<p title="Come in">{% translate "Fine" %} Hello</p>') == ["Come in", "Hello"]


def test_a_refusal_names_its_field_in_chinese_too():
    """Screens put their own name in its place, and programs look for it."""
    field = re.compile(r"(?:%\(field\)s|[a-z_]+): ")
    rooms = ("src/regulars/kit/", "src/regulars/facts/customers/", "src/regulars/doors/api/")
    lost = [
        message.id
        for message in catalogue.kept()
        if isinstance(message.id, str)
        and (named := field.match(message.id))
        and any(place.startswith(rooms) for place, _line in message.locations)
        and not str(message.string).startswith(named[0])
    ]
    assert not lost
