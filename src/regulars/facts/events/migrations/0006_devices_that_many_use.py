"""What stood here and in the numbers before it is in 0001_events."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("events", "0001_events")]

    operations = [Follows("events_visitor", "is_shared")]
