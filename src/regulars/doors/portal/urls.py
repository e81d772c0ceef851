"""Pages for members and for everybody."""

from django.urls import path

from regulars.doors.portal import causes

urlpatterns = [path("causes/", causes.causes, name="portal-causes")]
