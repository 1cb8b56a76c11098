"""Routes of the threads, and of signing up, which makes the first one."""

from django.urls import path

from threads import views

app_name = "threads"
urlpatterns = [
    path("", views.home, name="home"),
    path("account/sign-up/", views.sign_up, name="sign_up"),
    path("threads/new/", views.create, name="create"),
]
