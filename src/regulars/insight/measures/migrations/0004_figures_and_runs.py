"""Figures over time, and refreshes kept to compare by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("measures", "0003_squares_of_the_grid"),
    ]

    operations = [
        migrations.CreateModel(
            name="FigureReading",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("as_of", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("computed_at", models.DateTimeField()),
                ("value", models.JSONField()),
            ],
            options={
                "db_table": "measures_figure_reading",
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("computed_at", models.DateTimeField()),
                ("as_of", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("engine", models.CharField(max_length=120)),
                ("customers", models.BigIntegerField()),
                ("changed", models.BigIntegerField()),
                ("figures", models.JSONField()),
                ("totals", models.JSONField()),
            ],
            options={
                "db_table": "measures_run",
            },
        ),
    ]
