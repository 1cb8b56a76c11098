"""The routes of the account's pages about the API."""

from django.urls import path

from api import views

app_name = "api"
urlpatterns = [
    path("account/keys/", views.key_list, name="keys"),
    path("account/keys/<uuid:apikey>/revoke/", views.revoke_key, name="revoke_key"),
]
