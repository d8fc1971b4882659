from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

django_application = get_asgi_application()

from shop.consumers import Echo  # noqa: E402 - after Django is set up

application = ProtocolTypeRouter(
    {"http": django_application, "websocket": URLRouter([path("ws/", Echo.as_asgi())])}
)
