"""The one route table."""

from django.urls import URLPattern, URLResolver, path

from regulars.runtime.serving import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
