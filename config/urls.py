"""Every route of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from config import (
    checks,  # noqa: F401 - registers them
    offline,
)
from config.languages import texts
from schema.admin.pages import migrations

urlpatterns = [
    path("admin/migrations/", admin.site.admin_view(migrations), name="admin_migrations"),
    path("admin/", admin.site.urls),
    path("texts/<slug:language>-<slug:digest>.js", texts, name="texts"),
    path("offline/", offline.page, name="offline"),
    path("service-worker.js", offline.service_worker, name="service_worker"),
    path("shortcuts/", TemplateView.as_view(template_name="shortcuts.html"), name="shortcuts"),
    path("account/", include("users.urls")),
    path("personas/", include("personas.urls")),
    path("", include("threads.urls")),
    path("", include("chat.urls")),
    path("", include("api.urls")),
]
