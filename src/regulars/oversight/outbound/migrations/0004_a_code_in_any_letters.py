"""What stood here and in the numbers before it is in 0001_endpoints_lanes_and_deliveries."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("outbound", "0001_endpoints_lanes_and_deliveries")]

    operations = [Follows("outbound_right", "id")]
