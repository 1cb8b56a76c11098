"""The users app, and the admin with its log-in page."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class UsersConfig(AppConfig):
    default = True
    name = "users"


class AdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "users.admin_site.AdminSite"
