"""A run knows what it rests on, so that one after it that rests on the same need not compute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("measures", "0008_removals_noted")]

    operations = [migrations.AddField("run", "basis", models.CharField(max_length=64, db_default=""))]
