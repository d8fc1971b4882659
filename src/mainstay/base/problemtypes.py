"""
The kinds of problems that a client of a system can meet, as RFC 9457 names them.

One catalogue for everybody who refuses a request: the edge, the entrance of a process,
Django's own errors, REST framework's. A kind has a stable ``slug``; its ``type`` URI is
a base and that slug, and leads to a page about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

BASE = "/problems/"
"""Where the pages are unless ``MAINSTAY["http"]["problem_base"]`` says otherwise."""

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. ``detail`` is what the client is told when nobody knows more."""

    status: int
    slug: str
    title: str
    detail: str
    advice: str
    """What a client can do about it; for the page that ``type`` leads to."""


CATALOGUE = (
    # The first of a status stands for all others of that status.
    ProblemType(
        400, "bad-request", "Bad Request", "The request could not be understood.", "Mend the request."
    ),
    ProblemType(
        400,
        "invalid",
        "Invalid Input",
        "Some of what was sent is not valid.",
        "`errors` has one entry for each mistake: a JSON pointer (RFC 6901) to the member, a code, a sentence.",
    ),
    ProblemType(
        400,
        "malformed-body",
        "Malformed Body",
        "The body could not be read.",
        "The body is cut off, or is not what its Content-Type says.",
    ),
    ProblemType(
        400,
        "incomplete-body",
        "Incomplete Body",
        "The body ended before its announced length.",
        "Send the request again, whole.",
    ),
    ProblemType(
        400,
        "ambiguous-framing",
        "Ambiguous Framing",
        "The request's framing is ambiguous.",
        "Send one Host, and either Content-Length or Transfer-Encoding, once (RFC 9112, section 6.3).",
    ),
    ProblemType(
        400,
        "unknown-host",
        "Unknown Host",
        "This server does not answer for that host.",
        "Check the name in the address; an operator adds names to `edge.hosts`.",
    ),
    ProblemType(
        401,
        "not-authenticated",
        "Not Authenticated",
        "Sign in to do this.",
        "Send credentials; WWW-Authenticate names the scheme.",
    ),
    ProblemType(
        401,
        "authentication-failed",
        "Authentication Failed",
        "These credentials are not valid.",
        "Get new credentials; the same ones will not become valid.",
    ),
    ProblemType(
        402, "payment-required", "Payment Required", "This needs a payment.", "See `detail` for what is due."
    ),
    ProblemType(
        403, "forbidden", "Forbidden", "This is not allowed.", "Other credentials may be allowed to do it."
    ),
    ProblemType(
        403,
        "csrf-failed",
        "CSRF Check Failed",
        "The request does not prove that it comes from a page of this site.",
        "Load the page again, keep its cookies, and send the token with the form or as X-CSRFToken.",
    ),
    ProblemType(404, "not-found", "Not Found", "There is nothing at this address.", "Check the address."),
    ProblemType(
        405,
        "method-not-allowed",
        "Method Not Allowed",
        "This address does not take that method.",
        "Allow names the methods that it takes.",
    ),
    ProblemType(
        406,
        "not-acceptable",
        "Not Acceptable",
        "There is no answer in a form that Accept names.",
        "Accept application/json.",
    ),
    ProblemType(
        408,
        "request-timeout",
        "Request Timeout",
        "The request did not arrive in time.",
        "Send it again; nothing was done.",
    ),
    ProblemType(
        409,
        "conflict",
        "Conflict",
        "This does not go together with the present state.",
        "Read the present state, then decide again.",
    ),
    ProblemType(410, "gone", "Gone", "What was here is gone.", "It will not come back."),
    ProblemType(
        412,
        "precondition-failed",
        "Precondition Failed",
        "It was changed by somebody else.",
        "Read it again, then send the change with its new ETag.",
    ),
    ProblemType(
        413,
        "content-too-large",
        "Content Too Large",
        "The body is larger than this server accepts.",
        "Send less at once.",
    ),
    ProblemType(
        415,
        "unsupported-media-type",
        "Unsupported Media Type",
        "This address does not read bodies of that type.",
        "Send application/json, and say so in Content-Type.",
    ),
    ProblemType(
        422,
        "unprocessable",
        "Unprocessable Content",
        "The request is well formed but makes no sense here.",
        "See `detail`.",
    ),
    ProblemType(
        429,
        "too-many-requests",
        "Too Many Requests",
        "Too many requests at once from this address.",
        "Wait as many seconds as Retry-After says.",
    ),
    ProblemType(
        431,
        "headers-too-large",
        "Request Header Fields Too Large",
        "The headers are larger than this server accepts.",
        "Most often it is the cookies: delete those of this site.",
    ),
    ProblemType(
        500,
        "internal-error",
        "Internal Server Error",
        "The request could not be handled.",
        "The fault is ours; `request_id` finds it in the log.",
    ),
    ProblemType(
        501,
        "not-implemented",
        "Not Implemented",
        "This server cannot do that.",
        "Another may; this will not.",
    ),
    ProblemType(
        502,
        "bad-gateway",
        "Bad Gateway",
        "The server behind this one broke off; whether it acted is not known.",
        "Repeat it if it is safe, or with the same Idempotency-Key.",
    ),
    ProblemType(
        503,
        "unavailable",
        "Service Unavailable",
        "No server can take the request at the moment.",
        "Repeat it after as many seconds as Retry-After says.",
    ),
    ProblemType(
        503,
        "overloaded",
        "Overloaded",
        "This process has as many requests as it can answer in time.",
        "Repeat it after as many seconds as Retry-After says; nothing was done.",
    ),
    ProblemType(
        503,
        "outcome-unknown",
        "Outcome Unknown",
        "Whether it was done is not known.",
        "Repeat it with the same Idempotency-Key: it will not be done twice.",
    ),
    ProblemType(
        504,
        "gateway-timeout",
        "Gateway Timeout",
        "The answer took too long; whether it was acted on is not known.",
        "Repeat it if it is safe, or with the same Idempotency-Key.",
    ),
    ProblemType(
        504,
        "deadline-exceeded",
        "Deadline Exceeded",
        "The time for this request ran out before it was done.",
        "Repeat it if it is safe, or with the same Idempotency-Key.",
    ),
    ProblemType(
        504,
        "statement-timeout",
        "Statement Timeout",
        "A question to the database took longer than one may; the same again would most likely take as long.",
        "Ask for less at once. There is no Retry-After: nothing is down that would come back.",
    ),
)

BY_SLUG = {each.slug: each for each in CATALOGUE}
BY_STATUS = {each.status: each for each in reversed(CATALOGUE)}
"""The kind that stands for all others of a status."""


PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""What RFC 9110 calls statuses to which Python before 3.13 gives an older name."""


def phrase(status: int) -> str:
    """What a status is called, the same under every Python; one that nobody has named as its class's first."""
    try:
        return PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return of_status(status).title


def of_status(status: int) -> ProblemType:
    """The kind for a status; one that is not in the catalogue is seen as its class's first (RFC 9110, section 15)."""
    return BY_STATUS.get(status) or BY_STATUS[500 if status >= 500 else 400]


def uri(slug: str, base: str = BASE) -> str:
    """The ``type`` of a problem; what is a URI already stays as it is."""
    return slug if ":" in slug or "/" in slug else base + slug
