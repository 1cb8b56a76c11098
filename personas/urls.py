"""Routes of the personas."""

from django.urls import path

from personas import views

app_name = "personas"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.create, name="create"),
    path("menu/", views.menu, name="menu"),
    path("<uuid:pk>/", views.edit, name="edit"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
    path("<uuid:pk>/switch/", views.switch, name="switch"),
]
