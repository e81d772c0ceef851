"""A lot can be passed on to an heir: whose it was before, and who of the heirs a wish that waits names."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def let_them_pass(apps: object, schema_editor: object) -> None:
    app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    schema_editor.execute(f"GRANT UPDATE (record_id, earned_by_id) ON loyalty_lot TO {app}")


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0027_versions_that_count_for_the_past")]

    operations = [
        migrations.AddField(
            "lot",
            "earned_by",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AddField(
            "request",
            "heir",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.RunPython(let_them_pass, migrations.RunPython.noop),
    ]
