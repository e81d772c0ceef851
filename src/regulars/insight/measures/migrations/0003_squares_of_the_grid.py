"""What stood here and in the numbers before it is in 0001_readings."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("measures", "0001_readings")]

    operations = [Follows("measures_reading", "segment")]
