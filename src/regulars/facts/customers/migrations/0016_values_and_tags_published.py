"""What stood here and in the numbers before it is in 0001_customers_and_identifiers."""

from django.db import migrations

from regulars.runtime.database.operations import Follows


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_customers_and_identifiers")]

    operations = [Follows("customers_tagged", "number")]
