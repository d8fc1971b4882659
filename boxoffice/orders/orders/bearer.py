"""Sign-in by bearer token."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from orders import queries
from orders.models import Account


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>``, as handed out by accounts and tokens."""

    def authenticate(self, request: Request) -> tuple[Account, str] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        account = queries.find_account(secret.strip())
        if account is None:
            raise AuthenticationFailed("This token is unknown or has expired.")
        return account, secret.strip()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
