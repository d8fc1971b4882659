from __future__ import annotations

import os
from pathlib import Path

import django

from mainstay import settings as mainstay

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = mainstay.secret_key()
ALLOWED_HOSTS = mainstay.allowed_hosts()
CSRF_TRUSTED_ORIGINS = mainstay.csrf_trusted_origins()
INTERNAL_TOKEN = mainstay.internal_token()
globals().update(mainstay.security())

INSTALLED_APPS = [
    *mainstay.installed_apps(),
    "orders",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "drf_spectacular",
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
ROOT_URLCONF = "orders.urls"
ASGI_APPLICATION = "orders.asgi.application"
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
TASKS = mainstay.tasks()
LOGGING = mainstay.observability()
STORAGES = mainstay.storages()
STATIC_URL = "/static/"
STATIC_ROOT = mainstay.static_root(BASE_DIR)

USE_TZ = True
TIME_ZONE = "UTC"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email",)},
    },
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["orders.bearer.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "boxoffice: accounts, holds, orders",
    "DESCRIPTION": "Hold seats, buy them, cancel. Errors are problem details (RFC 9457).",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # the views are described later, and a test validates that
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mainstay.http.problems.openapi.add_problems",
    ],
}

PUBLIC_URL = os.environ.get("MAINSTAY_PUBLIC_URL", "http://127.0.0.1:8000")
PAYMENTS_TIME_LIMIT = 4.0
"""Seconds a purchase waits for payments before it says that the outcome is not known yet."""

DEFAULT_FROM_EMAIL = "boxoffice <tickets@boxoffice.invalid>"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
if folder := os.environ.get("BOXOFFICE_MAIL_FOLDER"):
    MAILERS["default"] = {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": folder},
    }
# The tickets of a demonstration are for reading in its log; from Django 6.1 on that is an error.
SILENCED_SYSTEM_CHECKS = [*mainstay.security()["SILENCED_SYSTEM_CHECKS"], "mail.E001"]
if django.VERSION < (6, 1):  # which knows no MAILERS
    EMAIL_BACKEND = MAILERS["default"]["BACKEND"]
    EMAIL_FILE_PATH = folder
