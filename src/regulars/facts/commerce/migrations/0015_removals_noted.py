"""Who removes rows notes it, so that the warehouse need not count all of them each time."""

from django.db import migrations

from regulars.runtime.database.operations import NotesRemovals


class Migration(migrations.Migration):
    dependencies = [("commerce", "0014_a_word_in_a_product")]

    operations = [
        NotesRemovals("commerce_order"),
        NotesRemovals("commerce_line"),
        NotesRemovals("commerce_tender"),
        NotesRemovals("commerce_shipment"),
        NotesRemovals("commerce_return"),
        NotesRemovals("commerce_return_line"),
    ]
