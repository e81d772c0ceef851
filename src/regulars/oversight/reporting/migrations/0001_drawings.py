import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Drawing",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("svg", models.TextField()),
                ("drawn_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "reporting_drawing",
                "indexes": [models.Index(fields=["drawn_at"], name="reporting_drawing_drawn")],
            },
        ),
    ]
