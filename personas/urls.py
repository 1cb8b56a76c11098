"""Routes of the personas."""

from django.urls import path

from personas import views
from personas.teaching import learnt_views
from personas.teaching import views as teaching

app_name = "personas"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.create, name="create"),
    path("menu/", views.menu, name="menu"),
    path("<uuid:pk>/", views.edit, name="edit"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
    path("<uuid:pk>/switch/", views.switch, name="switch"),
    path("<uuid:pk>/teach/", teaching.cards, name="teach"),
    path("<uuid:pk>/teach/preview/", teaching.preview, name="teach_preview"),
    path("<uuid:pk>/teach/add/", teaching.add, name="teach_add"),
    path("<uuid:pk>/teach/messages/", teaching.add_messages, name="teach_messages"),
    path("<uuid:pk>/teach/remove/", teaching.remove, name="teach_remove"),
    path("<uuid:pk>/learnt/", learnt_views.learnt, name="learnt"),
    path("samples/<uuid:sample>/", teaching.edit, name="sample"),
]
