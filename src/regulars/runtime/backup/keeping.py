"""For how long backups are kept: what the shop's people decide."""

from regulars.runtime.preferences.preferences import Preference, between

#: Days within which any moment can be restored.
KEEP_DAYS = Preference("backup.keep_days", int, default=7, check=between(1, 365))
