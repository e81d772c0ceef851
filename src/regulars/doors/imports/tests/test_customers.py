"""Files of customers: each once, sealed, the newest version, and nothing personal in clear anywhere."""

import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from click.testing import CliRunner
from django.db import connection

from regulars.doors.imports import commands, customer_files, customers
from regulars.doors.imports.left_out import LeftOut
from regulars.doors.imports.mapping import BadMapping, FileMapping
from regulars.doors.imports.settling import Undecided
from regulars.doors.imports.tests.builders import NOW, a_file, text_of
from regulars.facts.customers import customers as known
from regulars.facts.customers import explaining, profiles, tags, traits
from regulars.facts.customers.profiles import Profile, Purpose
from regulars.facts.customers.traits import Kind
from regulars.facts.sources import import_runs
from regulars.kit.actors import Actor

MAREK = Actor("operator", "1")


def person(customer: str = "ines", **other: str) -> dict[str, str]:
    """Ines, unless the test says otherwise."""
    usual = {
        "customer": customer,
        "name": "Ines Gonzalez",
        "email": "Ines@Example.org",
        "phone": "+44 20 7946 0958",
        "birthday": "1990-12-31",
        "address": "3 Kings Road, Leeds",
        "country": "United Kingdom",
        "language": "en_GB",
    }
    return usual | other


def read(path: Path, mapping: FileMapping | None = None) -> tuple[list[dict[str, Any]], LeftOut, list[str]]:
    """The customers, what is left out and the notes, without a database, in a Chinese shop."""
    with customer_files.walk(path, mapping, zone="Asia/Shanghai", region="CN", now=NOW) as walked:
        walked.read()
        rows = pl.concat(list(walked.parts())).to_dicts()
        return rows, walked.left_out, walked.said()


def bring_in(path: Path, **options: Any) -> customers.Imported:
    return customers.import_customers(path, None, at=options.pop("at", NOW), by=MAREK, **options)


def revealed(ref: str, namespace: str = "orders") -> dict[str, str]:
    (customer,) = known.find_by_ref(ref=ref, namespace=namespace)
    return profiles.reveal(customer=customer, fields=profiles.SEALED, purpose=Purpose.SERVICE, at=NOW, by=MAREK)


def test_columns_are_found_in_chinese_too_and_values_brought_into_one_form(tmp_path: Path) -> None:
    path = tmp_path / "会员.csv"
    path.write_bytes(
        "会员号,姓名,手机号,邮箱,生日,地址,国家,语言,入会时间,标签\n"
        "A1,王伟,138 0013 8000,WangWei@Example.cn,1988年5月6日,上海市徐汇区1号,中国,中文,2023-05-01,老客\n".encode(
            "gb18030"
        )
    )

    (wang,), left_out, notes = read(path)

    assert left_out.rows_bad == 0
    assert wang == {
        "row": 1,
        "line_in_file": 2,
        "ref": "A1",
        "name": "王伟",
        "given_name": None,
        "family_name": None,
        "email": "WangWei@example.cn",
        "phone": "+8613800138000",
        "birthday": "1988-05-06",
        "address": "上海市徐汇区1号",
        "note": None,
        "country": "CN",
        "language": "zh-hans",
        "first_seen_at": datetime(2023, 4, 30, 16, tzinfo=UTC),
        "updated_at": None,
        "tags": "老客",
        "traits": None,
    }
    assert any("GB18030" in note for note in notes)


@pytest.mark.parametrize(
    ("column", "value", "shown", "told"),
    [
        ("customer", "a" * 201, "a" * 200, "is too long"),
        ("customer", "in\u200bes", "in\u200bes", "has characters nobody can see"),
        ("customer", "guest", "guest", "means nobody"),
        ("email", "ines@@example", "i***@example", "is no e-mail address"),
        ("email", "ask her", "****", "is no e-mail address"),
        ("phone", "12", "****", "is no phone number"),
        ("phone", "ines@example.org", "i***@example.org", "is no phone number"),
        ("name", "I" * 161, "•" * 161, "is longer than 160 characters"),
        ("name", "In\ufffds", "••\ufffd•", "has characters that cannot be read"),
        ("address", "Road " * 101, ("•••• " * 101).strip()[:200], "is longer than 500 characters"),
        ("birthday", "31 maybe", "•• •••••", "is no day this file's other birthdays are written like"),
        ("birthday", "1890-01-01", "••••-••-••", "is before 1900-01-01"),
        ("birthday", "2031-01-01", "••••-••-••", "is in the future"),
    ],
)
def test_a_bad_row_is_told_masked_and_the_others_come_in(
    tmp_path: Path, column: str, value: str, shown: str, told: str
) -> None:
    bad = person("tomas") | {column: value}
    if column == "customer":
        bad |= {"email": "", "phone": ""}
    path = a_file(tmp_path, [person(), bad, person("wei")])

    rows, left_out, _ = read(path)

    assert [row["ref"] for row in rows] == ["ines", "wei"]
    (problem,) = left_out.first_problems.to_dicts()
    assert (problem["line_in_file"], problem["column"], problem["value"], problem["problem"]) == (
        3,
        column,
        shown,
        told,
    )
    assert problem["mend"]


def test_a_row_that_names_nobody_is_told(tmp_path: Path) -> None:
    _, left_out, _ = read(a_file(tmp_path, [person(), person("", email="", phone="")]))

    (problem,) = left_out.first_problems.to_dicts()
    assert problem["problem"] == "is empty, and nothing else tells who it is"


def test_what_systems_write_for_nothing_is_nothing(tmp_path: Path) -> None:
    rows = [
        person("a", birthday="0000-00-00", phone="0", email="none"),
        person("b", birthday="1900-01-01", country="Atlantis", language="zz"),
        person("c", birthday="1970-01-01"),
    ]

    (first, second, third), left_out, notes = read(a_file(tmp_path, rows))

    assert left_out.rows_bad == 0
    assert [row["birthday"] for row in (first, second, third)] == [None, None, "1970-01-01"]
    assert (first["phone"], first["email"], second["country"], second["language"]) == (None, None, None, None)
    assert any("2 birthdays" in note for note in notes)
    assert any("Atlantis" in note for note in notes)
    assert "No language is kept where the file says: zz." in notes


def test_who_has_no_number_is_known_by_address_or_phone(tmp_path: Path) -> None:
    rows = [{"email": "Ines@Example.org", "phone": ""}, {"email": "", "phone": "13800138000"}]

    found, _, _ = read(a_file(tmp_path, rows))

    assert [row["ref"] for row in found] == ["ines@example.org", "+8613800138000"]


def test_a_phone_number_is_read_in_the_country_of_its_row(tmp_path: Path) -> None:
    rows = [person("a", phone="020 7946 0958"), person("b", phone="13800138000", country="CN"), person("c", country="")]

    found, left_out, _ = read(a_file(tmp_path, rows))

    assert left_out.rows_bad == 0
    assert [row["phone"] for row in found] == ["+442079460958", "+8613800138000", "+442079460958"]


def test_of_a_customer_that_stands_twice_the_newest_counts_else_the_first(tmp_path: Path) -> None:
    rows = [
        person("old", updated_at="2024-01-01", name="Before"),
        person("old", updated_at="2024-02-01", name="After"),
        person("twice", updated_at="", name="Kept"),
        person("twice", updated_at="", name="Other", email="other@example.org"),
        person("same", updated_at=""),
        person("same", updated_at=""),
    ]

    found, left_out, notes = read(a_file(tmp_path, rows))

    assert {row["ref"]: row["name"] for row in found} == {"old": "After", "twice": "Kept", "same": "Ines Gonzalez"}
    conflicts = left_out.first_conflicts.select("line_in_file", "column", "kept", "left_out").rows()
    assert conflicts == [(5, "name", "••••", "•••••"), (5, "email", "I***@example.org", "o***@example.org")]
    assert left_out.rows_held == 1
    assert any("1 rows repeat" in note for note in notes)
    assert any("1 rows are of customers that stand in the file in a newer version" in note for note in notes)


def test_birthdays_that_can_be_read_in_two_ways_are_refused_without_telling_any(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person("a", birthday="03/04/1990"), person("b", birthday="05/06/1991")])

    with pytest.raises(Undecided) as refused:
        read(path)

    assert "1990" not in refused.value.message
    assert "••/••/••••" in refused.value.message
    assert "1990" not in str(refused.value.facts)


def test_a_file_without_a_header_shows_nobody(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("17,ines@example.org,13800138000\n18,tomas@example.org,13900139000\n")

    with pytest.raises(BadMapping) as refused:
        read(path)

    assert "ines@" not in refused.value.message
    assert "13800138000" not in refused.value.message


def test_a_row_that_does_not_fit_shows_nobody(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("customer,name,address\nines,Ines,3 Kings Road, Leeds\nwei,Wei,1 Queen Street\n")

    found, left_out, _ = read(path)

    assert [row["ref"] for row in found] == ["wei"]
    assert "Leeds" not in str(left_out.first_problems.to_dicts())


def test_excel_keeps_phones_and_days_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "members.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["会员号", "手机号", "生日"])
        sheet.write_row(1, 0, [17850, 13800138000])
        sheet.write_datetime(1, 2, date(1990, 12, 31), day)

    (found,), _, _ = read(path)

    assert (found["ref"], found["phone"], found["birthday"]) == ("17850", "+8613800138000", "1990-12-31")


def test_parquet_with_days_and_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    frame = pl.DataFrame({"member_id": [17.0, 18.0], "dob": [date(1990, 12, 31), None], "full name": ["Ines", "Wei"]})
    frame.write_parquet(path)

    found, _, _ = read(path)

    assert [(row["ref"], row["birthday"], row["name"]) for row in found] == [
        ("17", "1990-12-31", "Ines"),
        ("18", None, "Wei"),
    ]


def test_an_own_mapping_joins_an_address(tmp_path: Path) -> None:
    path = a_file(tmp_path, [{"Nr": "7", "Street": "3 Kings Road", "City": "Leeds", "Born": "31/12/90"}])
    own = tmp_path / "mine.yaml"
    own.write_text(
        "source: old-till\ndates: ['%d/%m/%y']\n"
        "columns: {customer: Nr, address: {join: [Street, City]}, birthday: Born}\n"
    )

    (found,), _, _ = read(path, customer_files.load(str(own)))

    assert (found["address"], found["birthday"]) == ("3 Kings Road Leeds", "1990-12-31")


@pytest.mark.django_db
def test_a_file_comes_in_once_however_often_it_is_sent(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person(), person("wei", email="wei@example.cn", phone="13800138000")])

    first, second = bring_in(path), bring_in(path)

    assert (first.customers.new, second.customers.new, second.customers.same) == (2, 0, 2)
    assert first.totals == second.totals
    assert first.totals["with_email"] == 2
    assert revealed("ines")["address"] == "3 Kings Road, Leeds"
    assert revealed("ines")["birthday"] == "1990-12-31"
    (run, _) = import_runs.recent()
    assert (run.kind, run.state, run.rows_good, run.totals["customers"]) == ("customers", "done", 2, 2)
    assert run.came["same"] == 2


@pytest.mark.django_db
def test_across_files_the_update_time_decides_and_an_empty_cell_clears_nothing(tmp_path: Path) -> None:
    bring_in(a_file(tmp_path, [person(updated_at="2025-01-01")], "1.csv"))

    newer = bring_in(a_file(tmp_path, [person(updated_at="2025-02-01", address="9 New Street", name="")], "2.csv"))
    older = bring_in(a_file(tmp_path, [person(updated_at="2024-12-01", address="0 Old Street")], "3.csv"))
    unsaid = bring_in(a_file(tmp_path, [person(phone="+44 20 7946 0000", address="")], "4.csv"))
    back = bring_in(a_file(tmp_path, [person(address="")], "5.csv"))

    assert (newer.customers.changed, older.customers.older, unsaid.customers.changed) == (1, 1, 1)
    assert back.customers.changed == 1
    shown = revealed("ines")
    assert (shown["address"], shown["display_name"]) == ("9 New Street", "Ines Gonzalez")
    assert shown["phone"] == "+442079460958"


@pytest.mark.django_db
def test_what_somebody_told_since_stays(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person()])
    bring_in(path)
    (ines,) = known.find_by_ref(ref="ines", namespace="orders")
    profiles.describe(customer=ines, profile=Profile(address="1 Today Lane"), key="form", at=NOW, by=MAREK)

    bring_in(path)

    assert revealed("ines")["address"] == "1 Today Lane"


@pytest.mark.django_db
def test_rejected_rows_come_in_once_mended(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person(), person("wei", birthday="someday")])

    first = bring_in(path)
    assert first.rows_bad == 1
    assert first.reject_file is not None
    assert "someday" in first.reject_file.read_text(encoding="utf-8-sig")
    mended = first.reject_file.read_text(encoding="utf-8-sig").replace("someday", "1991-02-03")
    first.reject_file.write_text(mended)
    second = bring_in(first.reject_file)

    assert (first.is_whole, second.is_whole, second.customers.new) == (False, True, 1)
    assert revealed("wei")["birthday"] == "1991-02-03"


@pytest.mark.django_db
def test_the_first_day_and_the_country_are_known_and_a_dry_run_records_nothing(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person(first_seen="2020-05-01 10:00")])

    tried = bring_in(path, dry_run=True)
    assert (tried.run, tried.totals["customers"], known.count()) == (None, 1, 0)
    bring_in(path)

    (ines,) = known.find_by_ref(ref="ines", namespace="orders")
    customer = known.get(ines)
    assert (customer.country, customer.language, customer.origin) == ("GB", "en-gb", "history")
    assert customer.first_seen_at == datetime(2020, 5, 1, 2, tzinfo=UTC)


@pytest.mark.django_db
def test_nothing_personal_can_be_read_in_any_table_log_or_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = {
        "name": "Canary Shown",
        "email": "canary.mail@canary.org",
        "phone": "13987654321",
        "birthday": "1987-06-05",
        "address": "Canary street 7",
        "note": "Canary note",
    }
    rows = [
        person("A1", **canaries),
        person("canary.two@canary.org", **canaries | {"email": "canary.two@canary.org"}),
        person("A1", **canaries | {"name": "Other Canary", "phone": "13987654322"}),
        person("A3", **canaries | {"birthday": "canary day", "phone": "canary", "email": "canary@"}),
        person("13987654323", **canaries),
    ]
    path = a_file(tmp_path, rows)

    told = CliRunner().invoke(commands.import_group, ["customers", str(path)])
    as_json = CliRunner().invoke(commands.import_group, ["customers", str(path), "--json"])

    assert told.exit_code == commands.ROWS_LEFT_OUT
    sought = ["canary", "13987654321", "13987654322", "13987654323", "1987-06-05"]
    said = [told.output, as_json.output, caplog.text]
    for text in said:
        # The domain of an address, and the first letter before it, are shown.
        shown = text.casefold().replace("c***@canary.org", "").replace("c***@", "")
        assert [canary for canary in sought if canary in shown] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [table for (table,) in cursor.fetchall()]
        assert {"customers_profile", "sources_import_run", "trail_line"} <= set(tables)
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    text = bytes(value).decode("latin1") if isinstance(value, memoryview | bytes) else str(value)
                    assert [canary for canary in sought if canary in text.casefold()] == [], table
    assert revealed("A1")["display_name"] == "Canary Shown"


@pytest.mark.django_db
def test_the_command_prints_facts(tmp_path: Path) -> None:
    done = CliRunner().invoke(commands.import_group, ["customers", str(a_file(tmp_path, [person()])), "--json"])
    told = CliRunner().invoke(commands.import_group, ["customers", str(a_file(tmp_path, [person("x")]))])

    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["recorded"] == {"customers": {"new": 1, "changed": 0, "same": 0, "older": 0, "shared": 0}}
    assert facts["totals"]["with_phone"] == 1
    assert "With an e-mail address" in told.output
    assert "somebody else is known already" in told.output


@pytest.mark.django_db
def test_orders_and_customers_of_one_number_meet(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(text_of([{"order": "A1", "placed_at": "2025-05-02", "customer": "ines", "amount": "9.00"}]))
    assert CliRunner().invoke(commands.import_group, ["orders", str(orders)]).exit_code == 0

    done = bring_in(a_file(tmp_path, [person()], "customers.csv"))

    assert (done.customers.new, done.customers.changed) == (0, 1)


@pytest.mark.django_db
def test_tags_and_traits_of_the_shops_own_come_in_and_what_they_do_not_take_is_told(tmp_path: Path) -> None:
    names = {"en": "Shoe size", "zh-hans": "鞋码"}
    traits.define(code="shoe_size", kind=Kind.NUMBER, names=names, at=NOW, by=MAREK)
    mapping = tmp_path / "members.yaml"
    mapping.write_text(
        "source: till\ncolumns:\n  customer: nr\n  tags: 标签\n  trait.shoe_size: 鞋码\n", encoding="utf-8"
    )
    path = tmp_path / "members.csv"
    path.write_text("nr,标签,鞋码\nA1,老客；VIP,38.50\nA2,,big\nA3,,\n", encoding="utf-8")
    wanted = customer_files.load(str(mapping))
    done = customers.import_customers(path, wanted, at=NOW, by=MAREK)
    assert (done.customers.new, done.rows_bad) == (2, 1)
    (one,) = known.find_by_ref(ref="A1", namespace="till")
    assert [tag.code for tag in tags.of_many([one])[one]] == ["vip", "老客"]
    assert profiles.readable([one]) == {one: {"trait.shoe_size": "38.5"}}
    assert explaining.explain(customer=one, field="trait.shoe_size").words[0].source == "till"
    assert customers.import_customers(path, wanted, at=NOW, by=MAREK).customers.same == 2
    traits.retire(code="shoe_size", at=NOW, by=MAREK)
    with pytest.raises(traits.UnknownTrait, match="define it first"):
        customers.import_customers(path, wanted, at=NOW, by=MAREK)


@pytest.mark.django_db
def test_a_guess_finds_own_traits_by_what_the_shop_calls_them_and_says_what_it_did_not_read(tmp_path: Path) -> None:
    names = {"en": "Shoe size", "zh-hans": "鞋码"}
    traits.define(code="shoe_size", kind=Kind.NUMBER, names=names, at=NOW, by=MAREK)
    path = tmp_path / "members.csv"
    path.write_text("customer,name,鞋码,trait.hat,note for us\nA1,Li Wei,38.50,7,x\n", encoding="utf-8")

    done = customers.import_customers(path, None, at=NOW, by=MAREK)

    (one,) = known.find_by_ref(ref="A1", namespace="orders")
    assert profiles.readable([one]) == {one: {"trait.shoe_size": "38.5"}}
    assert any("Not read" in note and "trait.hat, note for us." in note for note in done.notes)


def test_a_column_that_nothing_reads_is_named(tmp_path: Path) -> None:
    path = a_file(tmp_path, [person("a") | {"source": "till"}])

    assert any("source" in note for note in read(path)[2])
    assert "Not read, for the mapping does not name them: source." in read(path, customer_files.load("generic"))[2]
