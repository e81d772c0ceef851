from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from regulars.facts.company import brands, channels, company, stores
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

MAREK = Actor("operator", "7")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db

TEAHOUSE = {"name": "回头茶", "currency": "CNY", "zone": "Asia/Shanghai", "language": "zh-hans", "country": "CN"}


def test_a_house_nobody_has_named_has_defaults() -> None:
    assert not company.shop().is_settled
    assert company.shop().currency == "CNY"


def test_marek_settles_the_shop_once_however_often_he_presses() -> None:
    for _ in range(3):
        company.settle(**TEAHOUSE, at=MONDAY, by=MAREK)
    assert company.shop() == company.Shop(**TEAHOUSE)
    assert len(trail.of("company:shop")) == 1
    company.settle(**TEAHOUSE | {"zone": "Asia/Urumqi"}, at=MONDAY, by=MAREK)
    last = trail.of("company:shop")[0]
    assert last.before is not None
    assert last.after is not None
    assert (last.before["zone"], last.after["zone"]) == ("Asia/Shanghai", "Asia/Urumqi")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "RMB"),
        ("zone", "Asia/Peking"),
        ("language", "fr"),
        ("country", "China"),
        ("name", " "),
        ("name", "a\nb"),
    ],
)
def test_a_bad_setting_names_its_field_and_mend(field: str, value: str) -> None:
    with pytest.raises(Refusal) as refused:
        company.settle(**TEAHOUSE | {field: value}, at=MONDAY, by=MAREK)
    assert refused.value.facts["field"] == field
    assert ";" in refused.value.message
    assert not company.shop().is_settled


def test_channels_and_stores_are_found_or_made_by_code() -> None:
    first = channels.resolve_many(codes=["web", "tmall", " web "], at=MONDAY, by=MAREK)
    assert first["web"] == first[" web "] != first["tmall"]
    assert channels.resolve_many(codes=["tmall", "web"], at=MONDAY, by=MAREK) == {c: first[c] for c in ("tmall", "web")}
    assert len(trail.of("company:channels")) == 1

    places = stores.resolve_many(codes=["S1", "S2"], at=MONDAY, by=MAREK)
    assert stores.resolve_many(codes=["S2", "S3"], at=MONDAY, by=MAREK)["S2"] == places["S2"]
    assert {channel.code: channel.kind for channel in channels.every()} == {
        "store": "store",
        "tmall": "web",
        "web": "web",
    }
    assert stores.resolve_many(codes=[], at=MONDAY, by=MAREK) == {}


def test_places_get_names() -> None:
    channels.describe(code="web", name="Web shop", kind="web", at=MONDAY, by=MAREK)
    stores.describe(code="S1", name="南京路店", zone="Asia/Shanghai", at=MONDAY, by=MAREK)
    stores.describe(code="S1", name="南京路店", zone="Asia/Shanghai", at=MONDAY, by=MAREK)
    brands.describe(code="hui", name="回头", at=MONDAY, by=MAREK)
    assert [store.name for store in stores.every()] == ["南京路店"]
    assert [brand.name for brand in brands.every()] == ["回头"]
    assert len(trail.of(f"store:{stores.every()[0].id}")) == 1


@pytest.mark.parametrize("code", ["", "  ", "x" * 65, "a\x00b", "a\u200bb"])
def test_a_bad_code_is_refused(code: str) -> None:
    with pytest.raises(Refusal, match="visible characters"):
        stores.resolve_many(codes=["S1", code], at=MONDAY, by=MAREK)
    assert stores.every() == []


def test_many_codes_cost_no_more_statements_than_few(django_assert_num_queries: object) -> None:
    codes = [f"S{number}" for number in range(500)]
    stores.resolve_many(codes=codes, at=MONDAY, by=MAREK)
    with django_assert_num_queries(6):  # type: ignore[operator]  # two finds, each in a savepoint
        assert len(stores.resolve_many(codes=codes, at=MONDAY, by=MAREK)) == 500


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO company_shop VALUES (2, 'x', 'CNY', 'UTC', 'en', 'CN')",
        "INSERT INTO company_shop VALUES (1, 'x', 'cny', 'UTC', 'en', 'CN')",
        "INSERT INTO company_channel (code, name, kind) VALUES ('x', 'x', 'pigeon')",
        "INSERT INTO company_store (code, name, zone, channel_id) VALUES ('', 'x', '', 1)",
    ],
)
def test_postgresql_makes_it_impossible(statement: str) -> None:
    channels.resolve_many(codes=["web"], at=MONDAY, by=MAREK)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
