"""
A Django project in one file: people sign in by a form and write notes by another, both protected against forgery.

``python noteboard.py FOLDER PASSWORD`` makes a database with the user ``prover`` and says on which port it answers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import path

FORM = '<form method="post">{% csrf_token %}{{ form }}</form>'
LIST = FORM + "<ul>{% for each in notes %}<li>{{ each }}</li>{% endfor %}</ul>"

notes: list[str] = []


def write(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect(f"/accounts/login/?next={request.path}")
    if request.method == "POST":
        notes.append(request.POST["text"])
        return redirect("/notes/")
    page = engines["django"].from_string(LIST).render({"notes": notes}, request)
    return HttpResponse(page)


def written(request: HttpRequest) -> JsonResponse:
    """For the test alone."""
    return JsonResponse(notes, safe=False)


def main(folder: str, password: str) -> None:
    loader = ("django.template.loaders.locmem.Loader", {"login.html": FORM})
    settings.configure(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder) / "db.sqlite3"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [loader]},
            }
        ],
    )
    django.setup()
    from django.contrib.auth.models import User  # needs the apps
    from django.contrib.auth.views import LoginView

    urlpatterns[:] = [
        path("accounts/login/", LoginView.as_view(template_name="login.html")),
        path("notes/", write),
        path("written/", written),
    ]
    call_command("migrate", verbosity=0)
    User.objects.create_user("prover", password=password)
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(get_wsgi_application())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


urlpatterns: list[object] = []

if __name__ == "__main__":
    main(*sys.argv[1:])
