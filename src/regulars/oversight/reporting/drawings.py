"""Charts that were drawn are kept in the database, for every process of every machine: the first drawing of a process
takes seconds, a tenth of one each time after.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import get_language

from regulars.insight.measures.estimates import Estimate
from regulars.oversight.reporting import charts
from regulars.oversight.reporting.models import Drawing

#: What was drawn longer ago goes when something else is drawn.
KEPT = timedelta(days=7)


def drawn(name: str, draw: Callable[..., str], *told: Any) -> str:
    """`draw(*told)`, from the database where these numbers were drawn in the active language and this style before.

    `name` says which chart it is; `told` are JSON values and estimates. One indexed row where it is kept.
    """
    whole = [name, charts.EDITION, get_language(), told]
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=Estimate.as_json).encode()).digest()
    kept: str | None = Drawing.objects.filter(digest=digest).values_list("svg", flat=True).first()
    if kept is None:
        kept = draw(*told)
        Drawing.objects.filter(drawn_at__lt=Now() - KEPT).delete()
        Drawing.objects.bulk_create([Drawing(digest=digest, svg=kept)], ignore_conflicts=True)
    return kept
