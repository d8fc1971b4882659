"""
Problems in an OpenAPI description: a post-processing hook of drf-spectacular.

``SPECTACULAR_SETTINGS = {"POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums",
"mainstay.http.problems.openapi.add_problems"]}``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from mainstay.base.problemtypes import MEDIA_TYPE, of_status

METHODS = frozenset({"get", "head", "options", "post", "put", "patch", "delete", "trace"})
UNSAFE = frozenset({"post", "put", "patch", "delete"})

MISTAKE = {
    "type": "object",
    "properties": {
        "pointer": {
            "type": "string",
            "description": "JSON pointer (RFC 6901) to the member; empty for the whole body.",
        },
        "code": {"type": "string", "description": "For programs."},
        "detail": {"type": "string", "description": "For people."},
    },
    "required": ["pointer", "code", "detail"],
}
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457); a kind may have members of its own.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "Finds the request in the log."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemMistake"}},
    },
    "required": ["type", "title", "status"],
    "additionalProperties": {},
}
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before a repeat."}}


def add_problems(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Add the schema, and to each operation the problems that it can answer with."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"], schemas["ProblemMistake"] = PROBLEM, MISTAKE
    for path, item in result.get("paths", {}).items():
        for method, operation in item.items():
            if method in METHODS:
                _complete(path, method, operation)
    return result


def _complete(path: str, method: str, operation: MutableMapping[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status in _possible(path, method, operation):
        responses.setdefault(str(status), {"description": of_status(status).detail})
    for status, response in responses.items():
        if str(status)[:1] in "45" and "$ref" not in response:
            response.setdefault("content", CONTENT)
            if str(status) in ("429", "503"):
                response.setdefault("headers", RETRY)
    operation["responses"] = dict(sorted(responses.items(), key=lambda pair: str(pair[0])))


def _possible(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[int]:
    if "requestBody" in operation or operation.get("parameters"):
        yield 400
    if any(operation.get("security", ())):  # an empty requirement means that nobody need sign in
        yield 401
        yield 403
    if "{" in path:
        yield 404
    if method in UNSAFE:
        yield 409
    yield 429
    yield 503
