"""Readings carry the transaction that wrote them, so that the warehouse asks for no others."""

from django.db import migrations, models

from regulars.runtime.database.fields import TransactionIdField
from regulars.runtime.database.operations import StampsChanges


class Migration(migrations.Migration):
    dependencies = [("measures", "0006_shop_readings_tell_how_sure")]

    operations = [
        migrations.AddField("reading", "changed_xid", TransactionIdField()),
        migrations.AddIndex("reading", models.Index(fields=["changed_xid"], name="measures_reading_changed")),
        StampsChanges("measures_reading"),
    ]
