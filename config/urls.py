"""Every route of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("account/", include("users.urls")),
    path("personas/", include("personas.urls")),
    path("", include("threads.urls")),
    path("", include("chat.urls")),
    path("", include("schema.urls")),
]
