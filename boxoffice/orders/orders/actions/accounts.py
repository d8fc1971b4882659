"""Opening an account and signing in."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.models import Account, Token
from orders.queries import digest

TOKEN_LIFETIME = timedelta(days=30)


class EmailTaken(Exception):
    """Somebody has an account under this address."""


class WrongCredentials(Exception):
    """No account has this address and this password; which of the two is wrong is not said."""


def open_account(email: str, password: str) -> tuple[Account, str]:
    """
    Create an account and sign it in.

    Raises:
        EmailTaken: The address is in use.
    """
    account = Account(email=email.lower(), password=make_password(password))
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            return account, issue_token(account)
    except IntegrityError:
        raise EmailTaken from None


def sign_in(email: str, password: str) -> tuple[Account, str]:
    """
    Hand out a new token.

    Raises:
        WrongCredentials: Told after the same work for unknown addresses, so that time tells nothing.
    """
    account = Account.objects.filter(email=email.lower()).first()
    if account is None:
        make_password(password)
        raise WrongCredentials
    if not check_password(password, account.password):
        raise WrongCredentials
    return account, issue_token(account)


def issue_token(account: Account) -> str:
    secret = secrets.token_urlsafe(32)
    Token.objects.create(digest=digest(secret), account=account, expires_at=timezone.now() + TOKEN_LIFETIME)
    return secret


def sign_out(secret: str) -> None:
    Token.objects.filter(digest=digest(secret)).delete()
