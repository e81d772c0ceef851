"""Sign-ins of before were kept under e-mail addresses in clear; nobody needs them after a quarter of an hour."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_operators"), ("axes", "0010_accessattemptexpiration")]
    operations = [
        migrations.RunSQL(
            "DELETE FROM axes_accessattemptexpiration; DELETE FROM axes_accessattempt; DELETE FROM axes_accesslog;"
            " DELETE FROM axes_accessfailurelog;",
            migrations.RunSQL.noop,
        )
    ]
