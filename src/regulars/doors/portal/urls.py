"""Pages for members and for everybody."""

from django.urls import path

from regulars.doors.portal import card, card_membership, causes, level_pictures, members

urlpatterns = [
    path("causes/", causes.causes, name="portal-causes"),
    path("pictures/<slug:digest>", level_pictures.picture, name="portal-picture"),
    path("card/<str:token>", members.enter, name="portal-enter"),
    path("me/", card.card, name="portal-card"),
    path("me/join", card.join, name="portal-join"),
    path("me/membership", card_membership.membership, name="portal-membership"),
    path("me/leave", members.leave, name="portal-leave"),
]
