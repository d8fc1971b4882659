"""
How the API describes itself to others.

Apart from `orders.api` and imported by the first who asks: drf-spectacular brings a
quarter of a second of imports, which no start of a process should wait for.
"""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from drf_spectacular.views import SpectacularJSONAPIView

from orders import api
from orders.bearer import BearerAuthentication


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def refusal(words: str) -> OpenApiResponse:
    return OpenApiResponse(description=words)


KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Any text of up to 200 characters, new for each purchase. A repeat gets the same answer.",
)

extend_schema_view(
    post=extend_schema(
        request=api.NewCredentials, responses={201: api.SignedIn, 409: refusal("address in use")}
    )
)(api.Accounts)
extend_schema_view(
    post=extend_schema(
        request=api.Credentials, responses={201: api.SignedIn, 401: refusal("wrong credentials")}
    )
)(api.Tokens)
extend_schema_view(delete=extend_schema(responses={204: None}))(api.CurrentToken)
extend_schema_view(
    post=extend_schema(
        request=api.HoldInput, responses={201: api.HoldOutput, 409: refusal("names the seats that are taken")}
    )
)(api.Holds)
extend_schema_view(get=extend_schema(responses=api.HoldOutput), delete=extend_schema(responses={204: None}))(
    api.HoldDetail
)
extend_schema_view(
    get=extend_schema(operation_id="orders_list", responses=api.OrderOutput(many=True)),
    post=extend_schema(
        request=api.OrderInput,
        parameters=[KEY],
        responses={
            201: api.OrderOutput,
            402: refusal("the bank declined"),
            409: refusal("still running, or the hold has another order"),
            410: refusal("the hold has run out"),
            422: refusal("the key belongs to another order"),
            503: refusal("the outcome is not known yet; repeat with the same key"),
        },
    ),
)(api.Orders)
extend_schema_view(get=extend_schema(responses=api.OrderOutput))(api.OrderDetail)
extend_schema_view(
    post=extend_schema(request=None, responses={200: api.OrderOutput, 409: refusal("not paid")})
)(api.OrderCancel)

view = SpectacularJSONAPIView.as_view()
