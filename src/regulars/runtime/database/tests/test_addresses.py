"""A database's address, as PostgreSQL reads it, as Django is told it, and as people are shown it."""

import pytest

from regulars.runtime.database.addresses import django_database
from regulars.runtime.database.ready import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://app@db.example.com/regulars", "postgresql://app@db.example.com/regulars"),
        ("postgresql://app:p%40ss@db.example.com:5433/r?a=b", "postgresql://app:…@db.example.com:5433/r?a=b"),
        ("postgresql://app@/r?host=/tmp&password=p%40ss", "postgresql://app@/r?host=/tmp&password=…"),
        ("postgresql://app@/r?PassWord=secret&sslpassword=secret", "postgresql://app@/r?PassWord=…&sslpassword=…"),
        ("postgresql://app:app@app/app", "postgresql://app:…@app/app"),
    ],
)
def test_a_password_is_never_shown_wherever_it_stands(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_what_is_written_with_signs_is_read_as_postgresql_reads_it() -> None:
    told = django_database("postgresql://li%40teas:p%2Fq@%2Fvar%2Frun%2Fpostgresql/tea%20shop?sslmode=disable")
    assert (told["USER"], told["PASSWORD"], told["NAME"]) == ("li@teas", "p/q", "tea shop")
    assert (told["HOST"], told["OPTIONS"]) == ("/var/run/postgresql", {"sslmode": "disable"})
    assert django_database("postgresql://app@DB.Example.com:5433/r")["HOST"] == "db.example.com"
