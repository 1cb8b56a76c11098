"""URLs of threads, and of signing up, which creates the first one."""

from django.urls import path

from threads import auth_views, views

app_name = "threads"
urlpatterns = [
    path("", views.home, name="home"),
    path("account/sign-up/", auth_views.sign_up, name="sign_up"),
    path("threads/", views.index, name="list"),
    path("threads/new/", views.create, name="create"),
    path("threads/sidebar/", views.sidebar, name="sidebar"),
    path("go/", views.palette, name="palette"),
    path("threads/<uuid:thread>/menu/", views.menu, name="menu"),
    path("threads/<uuid:thread>/edit/", views.edit, name="edit"),
    path("threads/<uuid:thread>/rename/", views.rename, name="rename"),
    path("threads/<uuid:thread>/pin/", views.pin, name="pin"),
    path("threads/<uuid:thread>/archive/", views.archive, name="archive"),
    path("threads/<uuid:thread>/delete/", views.delete, name="delete"),
    path("threads/<uuid:thread>/restore/", views.restore, name="restore"),
]
