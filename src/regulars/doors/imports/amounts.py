"""Quantities, prices and amounts of rows in exact integers, and which rows are sales, returns or adjustments. Pure."""

from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl
from django.utils.translation import gettext

from regulars.doors.imports import parsing, signs
from regulars.doors.imports.checking import Problems
from regulars.doors.imports.mapping import NUMBERS, Grain, OrderMapping, Rule
from regulars.doors.imports.parsing import FAILED, MILLION, NOTHING, Mark, divided, millionths
from regulars.doors.imports.settling import EITHER, SURELY, Settled
from regulars.kit import money

_KIND_WORDS = {
    "sale": ("sale", "sales", "order", "purchase", "buy", "销售", "订单", "正常", "购买", "销售单"),
    "return": ("return", "returned", "refund", "returns", "退货", "退款", "退单", "退货单"),
    "adjustment": ("adjustment", "adjust", "correction", "调整", "冲销"),
}
_KINDS = {word: kind for kind, words in _KIND_WORDS.items() for word in words}
#: What the database's columns hold, with room to add up.
_MOST_MONEY = 10**17
_MOST = dict.fromkeys(NUMBERS, _MOST_MONEY) | {"quantity": 10**14}


@dataclass
class Amounts:
    """Reads the numbers of one file's chunks.

    `rounded` counts the amounts so far that had more decimals than their currency. `products` has, by currency, how
    many lines' quantity times price had, and how much their amounts are above it in all, in thousand-millionths.
    """

    mapping: OrderMapping
    settled: Settled
    grain: Grain
    rounded: int = 0
    products: dict[str, tuple[int, int]] = field(default_factory=dict)

    def number(self, name: str, kind: pl.DataType, *, has_signs: bool = False) -> pl.Expr:
        """The field's number as whole millionths; null where it is none. `has_signs`: of currencies, in some rows."""
        column = pl.col(name)
        if self.mapping.columns[name].sum:
            # Parts that cannot be added up stand in brackets, which are no minus here.
            column = pl.when(~column.str.starts_with("(")).then(column)
        read = millionths(column, kind, self._mark(name), is_amount=has_signs)
        return -read if name in self.settled.negated else read

    def _mark(self, name: str) -> Mark:
        """Sums are added up in our own writing."""
        return "." if self.mapping.columns[name].sum else self.settled.mark or "."

    def read(self, read: pl.DataFrame, found: Problems) -> pl.DataFrame:
        """`read` has each number as whole millionths in `<field>_read`, and in `<field>_sign` the signs of those that
        have any; now also what a row of the file is made of."""
        columns = self.mapping.columns
        for name in (name for name in NUMBERS if name in columns):
            self._check_number(name, read, found)
        for name in ("quantity", "unit_price", "amount"):
            needed = name in columns and not (name == "unit_price" and "amount" in columns)
            if needed:
                found.where(pl.col(name).is_null(), name, "is empty", "fill it in")
                if read.schema[name] == pl.String:
                    found.where(
                        pl.col(name).is_in(NOTHING) & ~pl.col(name).is_in(FAILED),
                        name,
                        "is what programs write for no number",
                        "write the number, or leave the row out",
                    )
        for name in (name for name in NUMBERS if name in columns):
            found.where(
                pl.col(f"{name}_read").abs() >= _MOST[name],
                name,
                "is too large",
                "check the unit and the decimal sign",
            )
        currencies = read["currency"].drop_nulls().unique().to_list()
        exponents = {code: money.exponent(code) for code in currencies if code in money.currencies()}
        if "currency" in columns:
            found.where(
                pl.col("currency").is_null(),
                "currency",
                "is empty",
                "use a three-letter ISO 4217 code such as CNY, GBP or USD",
            )
        else:
            found.where(
                pl.col("currency").is_null(),
                "unit_price" if "unit_price" in columns else "amount",
                "has no currency sign, where the file's others have different ones",
                "write its sign before it, or add a column with each row's currency",
            )
        found.where(
            ~pl.col("currency").is_in(list(exponents)),
            "currency",
            "is no currency",
            "use a three-letter ISO 4217 code such as CNY, GBP or USD",
        )
        exponent = (
            pl.col("currency").replace_strict(exponents, default=2, return_dtype=pl.Int8)
            if exponents
            else pl.lit(2, dtype=pl.Int8)
        )
        unit = pl.lit(10, dtype=pl.Int128).pow(6 - exponent.cast(pl.Int64)).cast(pl.Int128)
        quantity = pl.col("quantity_read") if "quantity" in columns else pl.lit(MILLION, dtype=pl.Int64)
        found.where(
            pl.col("quantity_read") % 1000 != 0,
            "quantity",
            "has more than three decimals",
            "round it to three, or use a smaller unit",
        )
        for name in ("amount", "discount", "order_discount", "shipping", "tax"):
            if name in columns and not read.schema[name].is_float():
                self.rounded += read.select(
                    (pl.col(f"{name}_read").cast(pl.Int128) % unit != 0).fill_null(value=False).sum()
                ).item()
        minor = {
            name: divided(pl.col(f"{name}_read").cast(pl.Int128), unit)
            for name in ("amount", "discount", "order_discount", "shipping", "tax")
        }
        discount = minor["discount"].fill_null(0)
        read = read.with_columns(quantity_e3=quantity // 1000, unit=unit, discount_minor=discount).with_columns(
            goods=divided(
                pl.col("quantity_e3").cast(pl.Int128) * pl.col("unit_price_read").cast(pl.Int128), pl.col("unit") * 1000
            ),
            amount_told=minor["amount"] if "amount" in columns else pl.lit(None, dtype=pl.Int64),
        )
        if "amount" not in columns:
            self._count_rounded_products(read)
        whole = (
            pl.col("amount_told")
            if "amount" in columns
            else pl.col("goods") - pl.col("discount_minor") * pl.col("goods").sign()
        )
        price = pl.col("unit_price_read")
        if "unit_price" not in columns or "amount" in columns:
            before_discount = (pl.col("amount_told") + pl.col("discount_minor")).cast(pl.Int128) * pl.col("unit") * 1000
            made = (
                pl.when(pl.col("quantity_e3") != 0)
                .then(divided(before_discount, pl.col("quantity_e3").cast(pl.Int128).abs()))
                .otherwise(0)
            )
            price = pl.coalesce(price, made.abs()) if "unit_price" in columns else made.abs()
        read = read.with_columns(unit_price_e6=price, amount_minor=whole)
        told = "unit_price" if "amount" not in columns else "amount"
        found.where(
            # What 64 bits did not hold is null by now.
            pl.all_horizontal(
                (pl.col(f"{name}_read").abs() < _MOST[name]).fill_null(value=False)
                for name in (told, "quantity")
                if name in columns
            )
            & pl.any_horizontal(
                (amount.is_null() | (amount.abs().cast(pl.Int128) * unit_of >= _MOST_MONEY)).fill_null(value=True)
                for amount, unit_of in (
                    (pl.col("amount_minor"), pl.col("unit")),
                    (pl.col("unit_price_e6"), pl.lit(1, dtype=pl.Int128)),
                )
            ),
            told,
            "makes an amount or a price that is too large",
            "check quantity and price, their unit and their decimal sign",
        )
        self._check_signs(found)
        return read.with_columns(
            self._kinds(found).alias("kind_read"),
            **{f"{name}_minor": minor[name] for name in ("order_discount", "shipping", "tax")},
        )

    def _count_rounded_products(self, read: pl.DataFrame) -> None:
        exact = pl.col("quantity_e3").cast(pl.Int128) * pl.col("unit_price_read").cast(pl.Int128)
        above = pl.col("goods").cast(pl.Int128) * pl.col("unit") * 1000 - exact
        found = read.select("currency", above=above).filter(pl.col("above") != 0).drop_nulls()
        for currency, count, total in found.group_by("currency").agg(pl.len(), pl.col("above").sum()).iter_rows():
            lines, sum_above = self.products.get(currency, (0, 0))
            self.products[currency] = (lines + count, sum_above + total)

    def said(self) -> list[str]:
        """What was rounded, for the person who imports."""
        notes = []
        if self.rounded:
            notes.append(
                gettext("%(n)s amounts have more decimals than their currency and are rounded, halves up.")
                % {"n": f"{self.rounded:,}"}
            )
        for currency, (lines, above) in sorted(self.products.items()):
            difference = format((Decimal(above) / 10**9).normalize(), "+f")
            notes.append(
                gettext(
                    "%(n)s lines' quantity times price has more decimals than %(currency)s and is rounded, halves up:"
                    " %(difference)s %(currency)s in all."
                )
                % {"n": f"{lines:,}", "currency": currency, "difference": difference}
            )
        return notes

    def _check_number(self, name: str, read: pl.DataFrame, found: Problems) -> None:
        mark, kind = self._mark(name), read.schema[name]
        sign_column = f"{name}_sign"
        has_signs = sign_column in read.columns
        if has_signs:
            found.where(
                signs.contradicts(
                    pl.col(sign_column), pl.col("currency"), read[sign_column].drop_nulls().unique().to_list()
                ),
                name,
                "has the sign of another currency than its row",
                "correct the sign or the row's currency; where rows differ, add a column with each row's currency",
            )
        unread = pl.col(name).is_not_null() & pl.col(f"{name}_read").is_null()
        if kind == pl.String:
            has_failed = pl.col(name).is_in(FAILED)
            found.where(
                has_failed,
                name,
                "is what a spreadsheet writes where a formula failed",
                "mend the formula and export again, or write the number",
            )
            unread &= ~has_failed & ~pl.col(name).is_in(NOTHING)
        if kind == pl.String and not self.mapping.columns[name].sum:
            text = parsing.bare(pl.col(name), is_amount=has_signs)
            says_other = text.str.contains(SURELY["," if mark == "." else "."])
            unread &= ~says_other
            if mark == ".":
                found.where(
                    says_other,
                    name,
                    "has a decimal comma, where the file's other numbers have a decimal point",
                    "write it with a point before the decimals; if it is right and the others are wrong, say"
                    ' `decimal: ","` in the mapping',
                )
            else:
                found.where(
                    says_other,
                    name,
                    "has a decimal point, where the file's other numbers have a decimal comma",
                    "write it with a comma before the decimals; if it is right and the others are wrong, say"
                    ' `decimal: "."` in the mapping',
                )
            if self.settled.is_mark_contested:
                found.where(
                    text.str.contains(EITHER) & ~text.str.contains(SURELY[mark]) & ~says_other,
                    name,
                    "may be a thousand or a decimal, and the file has both decimal points and commas",
                    "write it without a sign for thousands, or say `decimal:` in the mapping",
                )
        if mark == ".":
            found.where(unread, name, "is no number", "write digits with a point before the decimals, and nothing else")
        else:
            found.where(unread, name, "is no number", "write digits with a comma before the decimals, and nothing else")

    def _kinds(self, found: Problems) -> pl.Expr:
        """What kind of row it is: the column that says so, the mapping's rules, or the sign."""
        negative = (pl.col("quantity_e3") < 0) | (
            (pl.col("quantity_e3") >= 0) & (pl.col("amount_minor") < 0) & (self.grain == "order")
        )
        kind = pl.when(negative).then(pl.lit("return")).otherwise(pl.lit("sale"))
        if "kind" in self.mapping.columns:
            told = pl.col("kind").str.to_lowercase()
            found.where(
                pl.col("kind").is_not_null() & ~told.is_in(list(_KINDS)),
                "kind",
                "is no kind of row",
                "write sale, return or adjustment (or leave it empty), or say `values:` in the mapping",
            )
            kind = pl.coalesce(told.replace_strict(_KINDS, default=None, return_dtype=pl.String), kind)
        for rule in reversed(self.mapping.rules):
            kind = pl.when(self._holds(rule)).then(pl.lit(rule.kind)).otherwise(kind)
        return kind

    def _holds(self, rule: Rule) -> pl.Expr:
        return pl.all_horizontal(
            test
            for name, condition in rule.when.items()
            for test in (
                [self._test(name, condition)] if isinstance(condition, str) else self._matches(name, condition)
            )
        )

    def _test(self, name: str, condition: str) -> pl.Expr:
        if condition in {"empty", "present"}:
            is_null = pl.lit(value=True)
            if name in self.mapping.columns:
                is_null = pl.col(name).is_null() if name not in NUMBERS else pl.col(f"{name}_read").is_null()
            return is_null if condition == "empty" else ~is_null
        number = pl.col(f"{name}_read")
        return {"negative": number < 0, "zero": number == 0, "positive": number > 0}[condition].fill_null(value=False)

    def _matches(self, name: str, condition: object) -> list[pl.Expr]:
        assert isinstance(condition, dict)
        tests = []
        for test, texts in condition.items():
            column = pl.col(name)
            one = (
                column.is_in(list(texts))
                if test == "equals"
                else pl.any_horizontal(column.str.starts_with(text) for text in texts)
            )
            tests.append(one.fill_null(value=False))
        return tests

    def _check_signs(self, found: Problems) -> None:
        columns = self.mapping.columns
        is_sale = pl.col("kind_read") == "sale"
        found.where(
            is_sale & (pl.col("quantity_e3") < 0),
            "quantity",
            "is negative in a row that is no return",
            "correct it, or mark the row as a return",
        )
        found.where(
            (pl.col("kind_read") == "return") & (pl.col("quantity_e3") == 0),
            "quantity",
            "is zero in a return",
            "say how many came back, or leave the row out",
        )
        priced = "unit_price" if "unit_price" in columns else "amount"
        money_column = "unit_price_e6" if "unit_price" in columns else "amount_minor"
        found.where(
            is_sale & (pl.col(money_column) < 0) & (pl.col("quantity_e3") >= 0),
            priced,
            "is negative in a row that is no return",
            "correct it, or say in the mapping's `rules:` which rows are adjustments",
        )
        if "line" in columns:
            found.where(pl.col("line_read") < 0, "line", "is negative", "number an order's lines from 1")
        if {"unit_price", "amount"} <= set(columns):
            found.where(
                is_sale & (pl.col("amount_minor") < 0) & (pl.col("quantity_e3") >= 0),
                "amount",
                "is negative in a row that is no return",
                "correct it, or say in the mapping's `rules:` which rows are adjustments",
            )
        for name in ("discount", "order_discount", "shipping", "tax"):
            if name in columns:
                found.where(
                    is_sale & (pl.col(f"{name}_read") < 0),
                    name,
                    "is negative in a row that is no return",
                    "write what was taken off, or put on, without a sign",
                )
        if "discount" in columns and "amount" not in columns:
            found.where(
                (pl.col("kind_read") != "adjustment") & (pl.col("discount_minor") > pl.col("goods").abs()),
                "discount",
                "is more than the price",
                "write what was taken off this row; map what was taken off the whole order as order_discount",
            )
        if "unit_price" in columns and "amount" not in columns:
            found.where(
                (pl.col("kind_read") == "return") & (pl.col("unit_price_e6") < 0),
                "unit_price",
                "is negative in a return",
                "write the price as it was paid; the row's kind or quantity says that it came back",
            )
