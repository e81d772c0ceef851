"""Readings that only slide with their windows are rewritten where they lie, without a look at any index."""

from django.db import migrations

from regulars.runtime.database.operations import NotesRemovals


class Migration(migrations.Migration):
    dependencies = [("measures", "0007_readings_that_changed")]

    operations = [
        # An index on what every update changes has every update write to all indexes.
        migrations.RemoveIndex("reading", "measures_reading_changed"),
        migrations.RunSQL(
            "ALTER TABLE measures_reading SET (fillfactor = 85)", "ALTER TABLE measures_reading RESET (fillfactor)"
        ),
        NotesRemovals("measures_reading"),
    ]
