"""What an import says, in the reader's language."""

import csv
import json
import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from django.utils import translation

from regulars.doors.imports import checking, commands
from regulars.doors.imports.tests.builders import a_file, row
from regulars.facts.company import company
from regulars.kit.actors import SYSTEM
from regulars.kit.refusals import Refusal

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def orders(tmp_path, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return str(a_file(tmp_path, [row("A1"), row("A2", currency="XXX"), row("A3", quantity="")]))


def said(*arguments: str) -> str:
    return CliRunner().invoke(commands.import_group, ["orders", *arguments], catch_exceptions=False).output


def test_summary_problems_and_mends_are_said_in_chinese_and_in_the_reject_file_too(orders, tmp_path):
    told = said(orders, "--language", "zh")

    for words in (
        "读取 3 行，其中 1 行可用",
        "核对总数",
        "currency: 'XXX' 不是货币代码；请用三个字母的"[:22],
        "新增 1，更改 0",
    ):
        assert words in told
    with (tmp_path / "orders.rejects.csv").open(encoding="utf-8-sig") as file:
        reasons = [one for line in csv.DictReader(file) for one in line.values() if one]
    assert any("不是货币代码" in one for one in reasons)
    assert any("请填写" in one for one in reasons)
    assert json.loads(said(orders, "--language", "zh", "--json"))["problems"][0]["problem"] == "is no currency"


def test_why_rows_wait_for_others_is_said_in_chinese_in_the_reject_file(tmp_path):
    rows = [row("A1"), row("A1", quantity="two"), row("A2"), row("A2", customer="priya"), row("A3")]
    said(str(a_file(tmp_path, rows)), "--language", "zh")

    with (tmp_path / "orders.rejects.csv").open(encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3
    for line in lines:
        assert re.search("[\u4e00-\u9fff]", line["regulars_problem"]), line
        assert re.search("[\u4e00-\u9fff]", line["regulars_mend"]), line


FILES = {
    "orders": "order,placed_at,product,quantity,unit_price\nA1,2025-05-02,mug,2,4.50\n",
    "customers": "customer,name\nA1,Ines\n",
    "consents": "customer,decision,channel,answered_at\nA1,no,email,2025-05-02\n",
    "events": "event,time,user\nSeen,2025-05-02,A1\n",
    "products": "product,sku,title\nmug,mug-1,A mug\n",
    "prices": "product,price\nmug,4.50\n",
    "stock": "product,store,quantity\nmug,leeds,4\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_every_control_total_has_its_name_in_chinese(tmp_path, kind):
    file = tmp_path / f"{kind}.csv"
    file.write_text(FILES[kind])
    arguments = [kind, str(file), "--dry-run", "--language", "zh"]

    told = CliRunner().invoke(commands.import_group, arguments, catch_exceptions=False).output

    totals = told.partition("核对总数")[2].partition("\n\n")[0].split("\n")
    assert [line for line in totals if re.match(r" *[A-Za-z]", line)] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("is longer than 1,000,000 characters", "超过 1,000,000 个字符"),
        ("is before 1900-01-01", "早于 1900-01-01"),
        ("what nobody put into words 7", "what nobody put into words 7"),
    ],
)
def test_a_number_in_a_problem_is_told_as_it_is(text, told):
    with translation.override("zh-hans"):
        assert checking.spoken(text) == told


def test_how_the_file_was_read_is_said_in_chinese_too(tmp_path):
    file = tmp_path / "顾客.csv"
    file.write_text("会员号;姓名;手机\nA1;王伟;13812345678\nA1;王伟;13812345678\n", encoding="gb18030")

    told = (
        CliRunner()
        .invoke(
            commands.import_group, ["customers", str(file), "--dry-run", "--language", "zh"], catch_exceptions=False
        )
        .output
    )

    for words in ("文件编码为 GB18030", "各列以 ';' 分隔", "各列含义系推测", "只计一次", "有手机号"):
        assert words in told, told


def test_the_locale_says_which_language_and_else_the_shop(orders, monkeypatch):
    assert "3 rows read" in said(orders, "--dry-run")
    company.settle(
        name="茶铺", currency="CNY", zone="Asia/Shanghai", language="zh-hans", country="CN", at=NOW, by=SYSTEM
    )
    assert "读取 3 行" in said(orders, "--dry-run")
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert "3 rows read" in said(orders, "--dry-run")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "读取 3 行" in said(orders, "--dry-run")


def test_a_mended_reject_file_comes_in_whichever_language_it_was_written_in(orders, tmp_path):
    said(orders, "--language", "zh")
    rejects = tmp_path / "orders.rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace("XXX", "GBP"), encoding="utf-8-sig")

    assert "2 rows read, 1 good" in said(str(rejects))


REFUSED = [
    ("empty.csv", b"", "空"),
    ("page.xls", b"<html><table><tr><td>order</td></tr></table></html>", "网页"),
    ("picture.csv", b"\x89PNG\r\n\x1a\n", "图片"),
    ("twice.csv", b"order,order,amount\n1,2,3\n", "出现两次"),
    ("other.csv", b"colour,size\nred,1\n", "缺少"),
    ("bare.csv", "订单号,下单时间,金额\n".encode(), "没有任何数据行"),
    (
        "mixed.csv",
        b"order,placed_at,amount\n" + b"1,2025-01-02,1.50\n" * 3 + b'2,2025-01-02,"1,50"\n' * 2,
        "小数",
    ),
]


@pytest.mark.parametrize(("name", "content", "words"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_why_a_file_is_refused_as_a_whole_is_said_in_chinese(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(Refusal) as refused:
        said(str(file), "--language", "zh")

    assert words in refused.value.message
    assert not re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", refused.value.message), refused.value.message


def test_a_report_refuses_in_the_readers_language(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    (tmp_path / "none.csv").touch()

    with pytest.raises(Refusal, match="文件为空"):
        CliRunner().invoke(commands.report, [str(tmp_path / "none.csv")], catch_exceptions=False)
