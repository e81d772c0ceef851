"""The web server's entry: everything Django serves."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "regulars.main.settings")
application = get_asgi_application()
