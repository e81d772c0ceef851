"""Steps have room for the name of each: of a plan that was not paid in time, too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0024_books_of_memberships")]

    operations = [migrations.AlterField("membershipstep", "kind", models.CharField(max_length=16))]
