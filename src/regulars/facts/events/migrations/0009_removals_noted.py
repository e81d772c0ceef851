"""Who removes rows notes it, so that the warehouse need not count all of them each time."""

from django.db import migrations

from regulars.runtime.database.operations import NotesRemovals


class Migration(migrations.Migration):
    dependencies = [("events", "0008_room_beside_visitors")]

    operations = [
        NotesRemovals("events_visitor"),
    ]
