from django.db import migrations


class Migration(migrations.Migration):
    """What was kept of the whole shop has another form from here on; the next refresh computes it anew."""

    dependencies = [("measures", "0005_rhythm_and_windows")]

    operations = [
        migrations.RunSQL("DELETE FROM measures_shop_reading", migrations.RunSQL.noop),
    ]
