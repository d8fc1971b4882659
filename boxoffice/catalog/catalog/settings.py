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
    "catalog",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
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
ROOT_URLCONF = "catalog.urls"
ASGI_APPLICATION = "catalog.asgi.application"
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
CACHES = mainstay.caches()
CHANNEL_LAYERS = mainstay.channel_layers()
LOGGING = mainstay.observability()
STORAGES = mainstay.storages()
STATIC_URL = "/static/"
STATIC_ROOT = mainstay.static_root(BASE_DIR)

USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["catalog.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "boxoffice: events and seats",
    "DESCRIPTION": "What is on, where, and which seats are free. Errors are problem details (RFC 9457).",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # the views are described later, and a test validates that
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mainstay.http.problems.openapi.add_problems",
    ],
}
