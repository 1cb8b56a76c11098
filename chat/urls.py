"""The routes of a conversation."""

from django.urls import path

from chat import reply_views, shares, twin_views, views
from chat.exports import views as export
from chat.imports import views as imports
from chat.search import views as search

app_name = "chat"
urlpatterns = [
    path("threads/<uuid:thread>/", views.show, name="conversation"),
    path("threads/<uuid:thread>/messages/", views.send, name="send"),
    path("threads/<uuid:thread>/messages/older/", views.older, name="older"),
    path("threads/<uuid:thread>/messages/newer/", views.newer, name="newer"),
    path("threads/<uuid:thread>/again/", views.again, name="again"),
    path("threads/<uuid:thread>/share/", shares.manage, name="share"),
    path("shares/<uuid:share>/revoke/", shares.revoke, name="revoke_share"),
    path("shared/<str:key>/", shares.shared, name="shared"),
    path("threads/<uuid:thread>/models/", views.models, name="models"),
    path("messages/<uuid:message>/", views.message, name="message"),
    path("messages/<uuid:message>/edit/", views.edit, name="edit"),
    path("messages/<uuid:message>/branch/", views.branch, name="branch"),
    path("messages/<uuid:message>/delete/", views.delete, name="delete"),
    path("messages/<uuid:message>/text/", views.text, name="text"),
    path("messages/<uuid:message>/versions/", views.versions, name="versions"),
    path("replies/<uuid:reply>/stop/", reply_views.stop, name="stop"),
    path("replies/<uuid:reply>/stream/", reply_views.stream, name="stream"),
    path("replies/<uuid:reply>/reasoning/", reply_views.reasoning, name="reasoning"),
    path("personas/<uuid:persona>/try/", twin_views.try_twin, name="try_twin"),
    path("personas/<uuid:persona>/verdict/", twin_views.verdict, name="twin_verdict"),
    path("personas/<uuid:persona>/card/", twin_views.card_file, name="twin_card"),
    path("search/", search.search, name="search"),
    path("export/", export.page, name="export"),
    path("export/<slug:name>/", export.everything, name="export_everything"),
    path("import/", imports.page, name="import"),
    path("import/upload/", imports.upload, name="import_upload"),
    path("import/confirm/", imports.confirm, name="import_confirm"),
    path("threads/<uuid:thread>/export/<slug:name>/", export.thread, name="export_thread"),
]
