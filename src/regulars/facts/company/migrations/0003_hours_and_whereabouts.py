"""What stood here and in the numbers before it is in 0001_shop_and_places."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("company", "0001_shop_and_places")]

    operations = [Follows("company_store", "offers_pickup")]
