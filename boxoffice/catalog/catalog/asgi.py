from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "catalog.settings")

http = get_asgi_application()  # sets Django up, which the consumers need

from catalog.consumers import Nowhere, SeatMap  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(
            URLRouter(
                [
                    path("ws/events/<int:event>/", SeatMap.as_asgi()),
                    re_path("", Nowhere.as_asgi()),
                ]
            )
        ),
    }
)
