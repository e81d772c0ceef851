from django.db import migrations, models


class Migration(migrations.Migration):
    """Names of the shop's fields that were guessed. Shops settled before count as chosen."""

    dependencies = [("company", "0001_shop_and_places")]

    operations = [
        migrations.AddField(model_name="shop", name="guessed", field=models.JSONField(default=list, db_default=[])),
    ]
