"""Visitors carry the transaction that changed them last, so that the warehouse takes those alone."""

from django.db import migrations

from regulars.runtime.database.fields import TransactionIdField
from regulars.runtime.database.operations import StampsChanges


class Migration(migrations.Migration):
    dependencies = [("events", "0006_devices_that_many_use")]

    operations = [
        migrations.AddField("visitor", "changed_xid", TransactionIdField()),
        StampsChanges("events_visitor"),
    ]
