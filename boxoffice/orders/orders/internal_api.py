"""The door for other services: the truth about seats."""

from __future__ import annotations

from django.http import JsonResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from orders import queries
from orders.internal import InternalOnly


class Seats(APIView):
    authentication_classes = ()
    permission_classes = (InternalOnly,)
    schema = None

    def get(self, request: Request) -> JsonResponse:
        """Every seat of an event that was ever held or sold, as ``[id, state, until, version]``."""
        event = request.query_params.get("event", "")
        if not event.isdecimal() or len(event) > 9:
            raise ValidationError({"event": ["Which event?"]})
        return JsonResponse({"seats": [state.as_json() for state in queries.touched_seats(int(event))]})
