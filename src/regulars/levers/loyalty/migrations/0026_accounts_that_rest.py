"""An account that a person froze rests: it says why, and since when nothing of it ends."""

from django.conf import settings
from django.db import migrations, models


def let_it_rest(apps: object, schema_editor: object) -> None:
    app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    schema_editor.execute(f"GRANT UPDATE (frozen_for, rests_since) ON loyalty_account TO {app}")


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0025_a_change_of_plan_that_was_not_paid")]

    operations = [
        migrations.AddField("account", "frozen_for", models.CharField(db_default="", default="", max_length=12)),
        migrations.AddField("account", "rests_since", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "account",
            models.CheckConstraint(
                name="loyalty_account_rests",
                condition=models.Q(("frozen_for", ""), ("rests_since__isnull", True))
                | models.Q(
                    ("frozen_at__isnull", False),
                    ("frozen_for__in", ("blocked", "under_age", "estate", "dispute")),
                    ("rests_since__isnull", False),
                ),
            ),
        ),
        migrations.RunPython(let_it_rest, migrations.RunPython.noop),
    ]
