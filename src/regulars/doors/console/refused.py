"""What was refused, in the words of the page: a refusal names its field as programs do."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from regulars.kit.refusals import Refusal


def words(refusal: Refusal, names: Mapping[str, str | Promise] | None = None) -> str:
    """The refusal with its field as the page calls it, by `names`; without it where the page does not name it."""
    field, colon, mend = refusal.message.partition(": ")
    if not colon or field != refusal.facts.get("field"):
        return refusal.message
    name = (names or {}).get(field)
    return _("%(field)s: %(mend)s") % {"field": name, "mend": mend} if name else mend[:1].upper() + mend[1:]
