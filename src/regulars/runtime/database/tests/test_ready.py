"""What a command says while it gets its database ready."""

from regulars.runtime.database import ready


def test_one_migration_is_one():
    assert ready._migrations(["a"]) == "1 migration"
    assert ready._migrations(["a", "b"]) == "2 migrations"
