"""What rules for events gave nothing for is kept for a while, with why not: added and forgotten, never changed."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


def _keep_as_recorded(apps: object, schema_editor: object) -> None:
    app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    schema_editor.execute(f"REVOKE UPDATE, TRUNCATE ON loyalty_missed_event FROM {app}")


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0031_versions_that_never_come"),
    ]

    operations = [
        migrations.CreateModel(
            name="MissedEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("rule", models.CharField(max_length=40)),
                ("event", models.CharField(max_length=60)),
                ("about", models.CharField(db_default="", default="", max_length=160)),
                ("on", models.DateField()),
                ("effective_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=40)),
                ("arguments", models.JSONField(db_default={}, default=dict)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="loyalty.version",
                    ),
                ),
            ],
            options={
                "db_table": "loyalty_missed_event",
                "indexes": [models.Index(fields=["effective_at"], name="loyalty_missed_event_at")],
                "constraints": [
                    models.UniqueConstraint(
                        name="loyalty_missed_event_once", fields=("record", "version", "rule", "on", "about")
                    )
                ],
            },
        ),
        migrations.RunPython(_keep_as_recorded, migrations.RunPython.noop),
    ]
