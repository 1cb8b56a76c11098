"""The routes of the API, and of the account's pages about it."""

from django.urls import include, path

from api import views
from api.browser_client import routes as browser_client
from api.openai import routes as openai
from api.v2 import routes as v2

account = [
    path("account/keys/", views.key_list, name="keys"),
    path("account/keys/<uuid:apikey>/revoke/", views.revoke_key, name="revoke_key"),
    path("account/usage/", views.usage, name="usage"),
]
urlpatterns = [
    path("", include((account, "api"))),
    path("health", browser_client.health),
    path("v1/", openai.routes("openai")),
    path("api/v1/", openai.routes("openai_under_api")),
    path("api/v2/", v2.urls),
    path("api/openapi.json", v2.openapi, name="api_document"),
    path("api/docs", v2.docs, name="api_docs"),
    path("api/", browser_client.urls),
]
