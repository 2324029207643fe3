"""The addresses of the websockets."""

from django.urls import path

from dashboard.consumers import LiveConsumer

websocket_urlpatterns = [
    path("ws/live/", LiveConsumer.as_asgi()),
    path("ws/approvals/<uuid:request_id>/", LiveConsumer.as_asgi()),
]
