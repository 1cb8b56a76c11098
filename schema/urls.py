"""Routes that tell a load balancer how the site is."""

from django.urls import path

from schema import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
