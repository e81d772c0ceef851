"""What stood here and in the numbers before it is in 0001_import_runs."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("sources", "0001_import_runs")]

    operations = [Follows("sources_privacy_request", "id")]
