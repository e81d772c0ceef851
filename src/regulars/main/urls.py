"""The one route table."""

from django.urls import URLPattern, URLResolver, include, path

from regulars.doors.console import errors
from regulars.runtime.serving import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/", include("regulars.doors.api.v1.urls")),
    path("hooks/", include("regulars.doors.connectors.urls")),
    path("", include("regulars.doors.portal.urls")),
    path("console/", include("regulars.doors.console.urls", namespace="console")),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken
