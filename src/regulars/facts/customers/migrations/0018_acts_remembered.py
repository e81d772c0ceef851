"""Acts are remembered under their keys, whether they changed anything or not.

What was told before goes in without what it told: under such a key nothing happens twice.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

from regulars.runtime.database.operations import AppendOnly

_TOLD_BEFORE = """
INSERT INTO customers_act (of, key, told, answer)
SELECT 'profile', key, told, jsonb_build_array(changed, shared) FROM customers_description WHERE told IS NOT NULL
UNION ALL SELECT 'identity', key, NULL, '{"joined": [], "parted": [], "conflicts": []}' FROM customers_decision
UNION ALL SELECT 'wishes', key, NULL, jsonb_agg(name ORDER BY name) FROM customers_wish GROUP BY key;
INSERT INTO customers_act (of, key, told, answer)
SELECT 'identity', key, NULL, '{"joined": [], "parted": [], "conflicts": []}'
  FROM customers_link WHERE revokes_id IS NOT NULL
ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0017_descriptions_compared")]

    operations = [
        migrations.CreateModel(
            name="Act",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "of", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("of", models.CharField(db_collation="C", max_length=12)),
                ("key", models.CharField(db_collation="C", max_length=160)),
                ("told", models.BinaryField(max_length=32, null=True)),
                ("answer", models.JSONField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "customers_act"},
        ),
        migrations.RunSQL(_TOLD_BEFORE, migrations.RunSQL.noop),
        AppendOnly("customers_act"),
    ]
