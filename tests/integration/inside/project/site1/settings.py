"""A small project on Mainstay's settings builders."""

import os
from pathlib import Path

from mainstay import settings as mainstay

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = mainstay.secret_key()
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    *mainstay.installed_apps(),
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.staticfiles",
    "shop",
]
MIDDLEWARE = [*mainstay.MIDDLEWARE, "django.middleware.common.CommonMiddleware"]
if os.environ.get("SHOP_COUNTS"):
    MIDDLEWARE += ["shop.middleware.counts_items"]
if os.environ.get("SHOP_IS_PUBLIC"):  # with what a project on the Internet has
    globals().update(mainstay.security())
    USE_X_FORWARDED_PORT = True
    INSTALLED_APPS += ["django.contrib.sessions"]
    SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    MIDDLEWARE += [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ]
if os.environ.get("SHOP_BELIEVES"):  # the settings that make a forwarding header dangerous
    USE_X_FORWARDED_HOST = USE_X_FORWARDED_PORT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ROOT_URLCONF = "site1.urls"
DATABASES = mainstay.databases(BASE_DIR)
DATABASE_ROUTERS = mainstay.DATABASE_ROUTERS
CACHES = mainstay.caches()
TASKS = mainstay.tasks()
CHANNEL_LAYERS = mainstay.channel_layers()
LOGGING = mainstay.observability(opentelemetry=bool(os.environ.get("SHOP_SPANS")))
if os.environ.get("SHOP_LOGS_SQL"):
    LOGGING["loggers"]["django.db.backends"] = {"level": "DEBUG"}
STORAGES = mainstay.storages()
STATIC_ROOT = mainstay.static_root(BASE_DIR)
STATIC_URL = "/static/"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
if "SHOP_DEADLINE" in os.environ:
    MAINSTAY = {"http": {"deadline": float(os.environ["SHOP_DEADLINE"])}}
