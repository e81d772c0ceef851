"""Rows that tell what changed carry the transaction that wrote them, so that the warehouse asks for no others."""

from django.db import migrations, models

from regulars.runtime.database.fields import TransactionIdField
from regulars.runtime.database.operations import StampsChanges

_STAMPED = ("consent", "householder", "moved", "profile", "wish")


class Migration(migrations.Migration):
    dependencies = [("customers", "0018_acts_remembered")]

    operations = [
        *(migrations.AddField(name, "changed_xid", TransactionIdField()) for name in _STAMPED),
        *(
            migrations.AddIndex(name, models.Index(fields=["changed_xid"], name=f"customers_{name}_changed"))
            for name in _STAMPED
        ),
        # The others are only ever added to.
        StampsChanges("customers_householder"),
        StampsChanges("customers_profile"),
    ]
