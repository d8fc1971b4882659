from __future__ import annotations

from pathlib import Path

from mainstay import settings as mainstay

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = mainstay.secret_key()
ALLOWED_HOSTS = mainstay.allowed_hosts()
CSRF_TRUSTED_ORIGINS = mainstay.csrf_trusted_origins()
INTERNAL_TOKEN = mainstay.internal_token()
globals().update(mainstay.security())

INSTALLED_APPS = [
    "mainstay.http",
    "mainstay.db",
    "payments",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
]
MIDDLEWARE = [
    *mainstay.MIDDLEWARE,
    "django.middleware.security.SecurityMiddleware",
    *mainstay.csp_middleware(),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "payments.urls"
WSGI_APPLICATION = "payments.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = mainstay.databases(BASE_DIR)
DATABASE_ROUTERS = mainstay.DATABASE_ROUTERS
LOGGING = mainstay.observability()
STORAGES = mainstay.storages()
STATIC_URL = "/static/"
STATIC_ROOT = mainstay.static_root(BASE_DIR)

USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["payments.internal.InternalOnly"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

BANK_SLOWNESS = 1.5
"""Seconds a slow bank takes."""

BANK_PATIENCE = 2.0
"""Seconds to wait for a bank that is silent."""
