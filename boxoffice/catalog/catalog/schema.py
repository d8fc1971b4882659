"""
How the API describes itself to others.

Apart from `catalog.api` and imported by the first who asks: drf-spectacular brings a
quarter of a second of imports, which no start of a process should wait for.
"""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from drf_spectacular.views import SpectacularJSONAPIView

from catalog import api

extend_schema_view(
    get=extend_schema(
        operation_id="events_list",
        parameters=[
            OpenApiParameter("search", str, description="Beginnings of words: title, artist, venue, city."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
        ],
        responses={200: api.EventPage, 400: OpenApiResponse(description="not a cursor")},
    )
)(api.Events)
extend_schema_view(get=extend_schema(responses=api.EventDetailOutput))(api.EventDetail)
extend_schema_view(get=extend_schema(responses=api.SeatOutput(many=True)))(api.Seats)

view = SpectacularJSONAPIView.as_view()
