"""Where shops tell: /hooks/<kind of shop>/<the connection's public id>."""

from django.urls import path

from regulars.doors.connectors.receiving import receive

urlpatterns = [path("<slug:kind>/<slug:connection>", receive)]
