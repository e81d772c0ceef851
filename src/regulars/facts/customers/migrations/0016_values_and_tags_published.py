"""What of profiles is nobody's secret, and tags, as narrow tables for the warehouse; and how far tables are filled."""

import django.db.models.deletion
from django.db import migrations, models

import regulars.runtime.database.fields
from regulars.runtime.database.operations import StampsChanges

# The key by which the warehouse tells rows of tags apart. The row's own key has two parts.
NUMBER = "ALTER TABLE customers_tagged ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY"
# What was there before is filled in by a job.
TO_FILL = "INSERT INTO customers_filling (name) VALUES ('also_known'), ('values')"


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0015_questions_by_the_clock"),
    ]

    operations = [
        migrations.CreateModel(
            name="Filling",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(db_default=0)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "customers_filling",
            },
        ),
        migrations.CreateModel(
            name="Value",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(db_collation="C", max_length=60)),
                ("kind", models.CharField(max_length=8)),
                ("value", models.CharField(db_collation="C", max_length=500)),
                ("changed_xid", regulars.runtime.database.fields.TransactionIdField()),
            ],
            options={
                "db_table": "customers_value",
            },
        ),
        migrations.AddField(
            model_name="tagged",
            name="changed_xid",
            field=regulars.runtime.database.fields.TransactionIdField(),
        ),
        migrations.AddIndex(
            model_name="tagged",
            index=models.Index(fields=["changed_xid"], name="customers_tagged_changed"),
        ),
        migrations.AddField(
            model_name="value",
            name="customer",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddIndex(
            model_name="value",
            index=models.Index(fields=["changed_xid"], name="customers_value_changed"),
        ),
        migrations.AddConstraint(
            model_name="value",
            constraint=models.UniqueConstraint(fields=("customer", "name", "value"), name="customers_value_once"),
        ),
        migrations.RunSQL(NUMBER, "ALTER TABLE customers_tagged DROP COLUMN number"),
        StampsChanges("customers_tagged"),
        migrations.RunSQL(TO_FILL, migrations.RunSQL.noop),
    ]
