"""Points taken away by hand go to a book of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0002_programmes_and_what_they_decide"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="posting",
            name="loyalty_posting_books",
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "from_book__in",
                        (
                            "pending",
                            "available",
                            "held",
                            "debt",
                            "issuance",
                            "goodwill",
                            "partner",
                            "migration",
                            "redeemed",
                            "donation",
                            "withdrawn",
                            "breakage",
                            "transit",
                        ),
                    ),
                    (
                        "to_book__in",
                        (
                            "pending",
                            "available",
                            "held",
                            "debt",
                            "issuance",
                            "goodwill",
                            "partner",
                            "migration",
                            "redeemed",
                            "donation",
                            "withdrawn",
                            "breakage",
                            "transit",
                        ),
                    ),
                    models.Q(("from_book", models.F("to_book")), _negated=True),
                ),
                name="loyalty_posting_books",
            ),
        ),
    ]
