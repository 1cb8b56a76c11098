"""Routes of the account."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from users import views

app_name = "users"
urlpatterns = [
    path("log-in/", views.LogIn.as_view(), name="log_in"),
    path("log-out/", LogoutView.as_view(), name="log_out"),
    path("theme/", views.theme, name="theme"),
]
