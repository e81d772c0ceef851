"""The console's routes, under /console/. Every view says who may use it (runtime/staff/policy)."""

from django.urls import path

from regulars.doors.console import account, doorstep, insight, member, members, search, staff, today

app_name = "admin"  # what Unfold's templates call the site they are drawn in
urlpatterns = [
    path("", today.today, name="index"),
    path("sign-in", doorstep.sign_in, name="login"),
    path("sign-out", doorstep.sign_out, name="logout"),
    path("language", doorstep.language, name="language"),
    path("welcome/<str:token>", doorstep.welcome, name="welcome"),
    path("jobs/<int:job>/retry", today.retry, name="job-retry"),
    path("jobs/<int:job>/set-aside", today.set_aside, name="job-set-aside"),
    path("notices/<int:letter>/discard", today.discard, name="notice-discard"),
    path("notices/<int:letter>/replay", today.replay, name="notice-replay"),
    path("members/", members.members, name="members"),
    path("members/<str:public_id>/", member.member, name="member"),
    path("members/<str:public_id>/reveal", member.reveal, name="member-reveal"),
    path("insight/", insight.insight, name="insight"),
    path("search", search.search, name="search"),
    path("account", account.account, name="account"),
    path("staff/", staff.staff, name="staff"),
    path("staff/invite", staff.invite, name="staff-invite"),
    path("staff/<int:operator>/role", staff.set_role, name="staff-role"),
    path("staff/<int:operator>/active", staff.set_active, name="staff-active"),
    path("staff/<int:operator>/link", staff.new_link, name="staff-link"),
]
