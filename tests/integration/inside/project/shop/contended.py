"""Views that get in one another's way at the database, and one that leaves no room for another thread."""

import os
import resource
import threading
import time
from pathlib import Path

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response
from rest_framework.views import APIView

from shop.models import Item

MEET = 4711
"""The advisory lock whose holder lets those who have their first row go on to the second."""

PAUSE = 0.1
"""Seconds before the next try; at once, it would have its first row again before the other one has woken up."""

STACK = 64 * 2**20
"""Bytes."""


def _swap(first, second):
    """Write two rows in the caller's order; two callers with opposite orders deadlock."""
    with transaction.atomic():
        Item.objects.select_for_update().get(name=first)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [MEET])
        Item.objects.select_for_update().get(name=second)


@csrf_exempt
def swap(request, first, second, tries):
    for left in reversed(range(tries)):
        try:
            _swap(first, second)
        except OperationalError as error:
            if left == 0 or error.__cause__.sqlstate != "40P01":
                raise
            time.sleep(PAUSE)
    return HttpResponse("swapped")


class Swap(APIView):
    authentication_classes = ()

    def post(self, request, first, second):
        _swap(first, second)
        return Response("swapped")


@csrf_exempt
def book(request, name):
    """Only where nobody else has booked; what makes it true for two at once is that they are serializable."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        is_free = not Item.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [MEET])
        if is_free:
            Item.objects.create(name=name)
    return HttpResponse("booked", status=201)


def no_room(request):
    """From now on this process has enough memory to go on, and too little for the stack of one more thread."""
    threading.stack_size(STACK)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + STACK // 2, resource.RLIM_INFINITY))
    return HttpResponse("no room")


async def async_no_room(request):
    return no_room(request)
