"""Who removes rows notes it, so that the warehouse need not count all of them each time."""

from django.db import migrations

from regulars.runtime.database.operations import NotesRemovals


class Migration(migrations.Migration):
    dependencies = [("customers", "0019_what_changed_for_the_warehouse")]

    operations = [
        NotesRemovals("customers_customer"),
        NotesRemovals("customers_profile"),
    ]
