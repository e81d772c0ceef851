"""What is asked again and again is put together once."""

import pyarrow as pa

from regulars.insight.warehouse.session import Session


def test_a_question_is_put_together_once_for_tables_of_the_same_columns() -> None:
    built = 0

    def ask(**columns: pa.Array) -> list[dict[str, object]]:
        with Session.from_frames({"sold": pa.table(columns)}) as session:

            def build():
                nonlocal built
                built += 1
                sold = session.table("sold")
                return sold.aggregate(**{f"most_{name}": sold[name].max() for name in sold.columns})

            return session.rows_of("the most of each", build)

    assert ask(cups=pa.array([1, 3])) == [{"most_cups": 3}]
    assert ask(cups=pa.array([4, 2])) == [{"most_cups": 4}]
    assert built == 1
    assert ask(cups=pa.array(["one", "two"])) == [{"most_cups": "two"}]
    assert ask(cups=pa.array([1]), pots=pa.array([5])) == [{"most_cups": 1, "most_pots": 5}]
    assert built == 3
