"""The routes of a conversation."""

from django.urls import path

from chat import views

app_name = "chat"
urlpatterns = [
    path("threads/<uuid:thread>/", views.conversation, name="conversation"),
]
