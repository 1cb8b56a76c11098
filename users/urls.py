"""URLs of accounts."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import set_language

from users import auth_views, views

app_name = "users"
urlpatterns = [
    path("", views.account, name="account"),
    path("name/", views.change_name, name="change_name"),
    path("email/", views.change_email, name="change_email"),
    path("delete/", views.delete, name="delete"),
    path("theme/", views.theme, name="theme"),
    path("language/", login_not_required(set_language), name="language"),
    path("log-in/", auth_views.LogIn.as_view(), name="log_in"),
    path("log-out/", LogoutView.as_view(), name="log_out"),
    path("password/", auth_views.ChangePassword.as_view(), name="change_password"),
    path("reset/", auth_views.Reset.as_view(), name="reset"),
    path("reset/sent/", auth_views.ResetSent.as_view(), name="reset_sent"),
    path("reset/<uidb64>/<token>/", auth_views.ResetConfirm.as_view(), name="reset_confirm"),
]
