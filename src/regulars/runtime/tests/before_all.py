"""What must be said before Django's settings are read, and so before any conftest: a plugin of pytest (`addopts`).

The house imports numpy, whose BLAS starts threads when it is loaded; a fork takes none of them along.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
