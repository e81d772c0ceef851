"""A customer's own rhythm, and what happened lately."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("measures", "0004_figures_and_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="reading",
            name="gap_spread_days",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="reading",
            name="median_gap_days",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="reading",
            name="orders_30d",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="reading",
            name="orders_365d",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="reading",
            name="orders_90d",
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="reading",
            name="spend_30d_minor",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="reading",
            name="spend_365d_minor",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="reading",
            name="spend_90d_minor",
            field=models.BigIntegerField(db_default=0),
        ),
    ]
