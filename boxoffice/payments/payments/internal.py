"""Who may call: only services of this system, which know its internal token."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

HEADER = "Mainstay-Internal-Token"


class InternalOnly(BasePermission):
    """Lets a request pass that carries the token; without a configured token nobody passes."""

    def has_permission(self, request: Request, view: Any) -> bool:
        expected = settings.INTERNAL_TOKEN
        given = request.headers.get(HEADER, "")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise AuthenticationFailed("This address answers other services of the system only.")
        return True
