"""Operations of migrations that guard."""

import pytest
from django.db import connections

from regulars.runtime.database.operations import Follows, MadeByAnUnreleasedVersion


@pytest.mark.django_db(databases=["owner"])
def test_a_database_left_half_way_by_an_unreleased_version_is_not_called_complete():
    with connections["owner"].schema_editor() as editor:
        Follows("customers_tagged", "number").database_forwards("customers", editor, None, None)
        editor.execute("ALTER TABLE customers_tagged DROP COLUMN number")
        with pytest.raises(MadeByAnUnreleasedVersion, match="customers_tagged has no number"):
            Follows("customers_tagged", "number").database_forwards("customers", editor, None, None)
        with pytest.raises(MadeByAnUnreleasedVersion, match="no_such_table has no id"):
            Follows("no_such_table", "id").database_forwards("customers", editor, None, None)
        editor.connection.set_rollback(True)
