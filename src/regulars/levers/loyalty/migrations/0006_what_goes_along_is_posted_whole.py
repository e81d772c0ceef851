"""What goes to another account with its record is posted whole, not lot by lot."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0019_what_changed_for_the_warehouse"),
        ("loyalty", "0005_who_was_told_before_points_lapse"),
    ]

    operations = [
        migrations.AddField(
            model_name="posting",
            name="record",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AlterField(
            model_name="posting",
            name="lot",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="loyalty.lot"
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lot__isnull", False), ("record__isnull", True)),
                    models.Q(
                        ("lot__isnull", True),
                        ("record__isnull", False),
                        models.Q(("from_book", "transit"), ("to_book", "transit"), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="loyalty_posting_of",
            ),
        ),
    ]
