"""What stood here and in the numbers before it is in 0001_products_orders_and_returns."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("commerce", "0001_products_orders_and_returns")]

    operations = [Follows("commerce_shipment", "told_expected_at")]
