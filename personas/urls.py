"""Routes of the personas."""

from django.urls import path

from personas import views

app_name = "personas"
urlpatterns = [
    path("<uuid:pk>/switch/", views.switch, name="switch"),
]
