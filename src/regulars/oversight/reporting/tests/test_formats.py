from collections.abc import Callable
from datetime import date

import pytest
from babel import numbers
from django.utils import translation

from regulars.kit.languages import Language
from regulars.oversight.reporting import formats

THE_SECOND_SUNDAY = date(2010, 12, 12)


@pytest.mark.parametrize(
    ("write", "en", "zh"),
    [
        (lambda: formats.money(891140790, "GBP"), "£8,911,407.90", "£8,911,407.90"),
        (lambda: formats.money(-2050, "CNY"), "-CN¥20.50", "-¥20.50"),
        (lambda: formats.money(700, "CHF"), "CHF\u00a07.00", "CHF\u00a07.00"),
        (lambda: formats.round_money(123_400, "CHF"), "CHF\u00a01,234", "CHF\u00a01,234"),
        (lambda: formats.money(1234, "JPY"), "JP¥1,234", "JP¥1,234"),
        (lambda: formats.number(-1234), "-1,234", "-1,234"),
        (lambda: formats.percent(0.6431535), "64.3%", "64.3%"),
        (lambda: formats.interval(0.0, 0.0713), "0.0–7.1%", "0.0–7.1%"),
        (lambda: formats.whole_percent(0.001), "<1%", "<1%"),
        (lambda: formats.whole_percent(0.999), ">99%", ">99%"),
        (lambda: formats.whole_percent(0.0), "0%", "0%"),
        (lambda: formats.day(THE_SECOND_SUNDAY), "12 Dec 2010", "2010年12月12日"),
        (lambda: formats.month(THE_SECOND_SUNDAY), "Dec 2010", "2010年12月"),
        (lambda: formats.axis_unit(152_000_000, "GBP"), (100_000_000, "m"), (1_000_000, "万")),
        (lambda: formats.axis_unit(90_000, "GBP"), (100, ""), (100, "")),
    ],
)
def test_as_the_reader_writes_it(write: Callable[[], object], en: object, zh: object):
    languages: tuple[Language, Language] = ("en", "zh")
    for language, expected in zip(languages, (en, zh), strict=True):
        with formats.spoken_in(language):
            assert write() == expected


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_written_from_memory_is_what_babel_writes(language):
    with translation.override(language):
        written_in = formats.locale()
        for value in (0, 0.0, 0.0005, 0.00049999, 0.125, 0.6431, 0.9995, 1, 1.25, -3.1, 12345.678, 2**53 + 1):
            for decimals, pattern in ((0, "#,##0"), (1, "#,##0.0")):
                share = numbers.format_percent(value, format=f"{pattern}%", locale=written_in)
                assert [formats.percent(value, decimals) for _ in range(2)] == [share] * 2
                count = numbers.format_decimal(value, format=pattern, locale=written_in)
                assert [formats.number(value, decimals) for _ in range(2)] == [count] * 2
        assert (formats.number(-0.031, 0), formats.percent(-0.0001, 0)) == ("0", "0%")


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        ("en", "English", "英语"),
        ("zh-Hans", "Chinese (Simplified)", "中文 (简体)"),
        ("en-CN", "English (China)", "英语 (中国)"),
        ("zh-US", "Chinese (United States)", "中文 (美国)"),
        ("zh-Hans-US", "Chinese (Simplified, United States)", "中文 (简体, 美国)"),
        ("en-XX", "English (XX)", "英语 (XX)"),
        ("tlh", "Klingon", "克林贡语"),
        ("zz", "zz", "zz"),
        ("zz-CN", "zz-CN", "zz-CN"),
        ("-", "-", "-"),
        ("", "", ""),
    ],
)
def test_a_language_is_named_and_never_refused(code, en, zh):
    for language, expected in (("en", en), ("zh-hans", zh)):
        with translation.override(language):
            assert formats.language(code) == expected
