"""The safe questions an OpenAPI 3 document describes, and what can be filled into them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_IDENTITIES = ("id", "pk", "uuid", "slug")


@dataclass(frozen=True, slots=True)
class Template:
    """A GET: ``/api/events/{id}/``, with the query it needs."""

    path: str
    query: str = ""
    given: tuple[tuple[str, str], ...] = ()
    """Path parameters for which the document itself has a value."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.path))

    def filled(self, values: Mapping[str, str]) -> str:
        """
        The path to ask for.

        Raises:
            KeyError: A parameter has no value.
        """
        found = {**dict(self.given), **values}
        path = _PARAMETER.sub(lambda match: quote(found[match[1]], safe=""), self.path)
        return f"{path}?{self.query}" if self.query else path


def templates(document: Mapping[str, Any]) -> list[Template]:
    """The GET operations that need nothing unknown but parts of their path; none if this is no OpenAPI."""
    if not isinstance(document.get("openapi"), str) or not isinstance(document.get("paths"), dict):
        return []
    prefix = _prefix(document)
    return [
        Template(prefix + path, query, given)
        for path, item in document["paths"].items()
        if isinstance(item, dict) and isinstance(item.get("get"), dict)
        for query, given in _parameters(document, item)
    ]


def _prefix(document: Mapping[str, Any]) -> str:
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    return urlsplit(str(first.get("url", "")) if isinstance(first, dict) else "").path.rstrip("/")


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Query and known path parameters; nothing if something is required of which no value is known."""
    query, given = [], []
    declared = [*(item.get("parameters") or []), *(item["get"].get("parameters") or [])]
    for parameter in (_resolved(document, each) for each in declared):
        where, name, value = parameter.get("in"), str(parameter.get("name")), _example(document, parameter)
        if where == "path" and value is not None:
            given.append((name, value))
        elif parameter.get("required") and where in ("query", "header", "cookie"):
            if where != "query" or value is None:
                return
            query.append((name, value))
    yield urlencode(query), tuple(given)


def _example(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> str | None:
    schema = _resolved(document, parameter.get("schema") or {})
    examples = parameter.get("examples")
    first: Any = next(iter(examples.values()), {}) if isinstance(examples, dict) else {}
    enum = schema.get("enum") or [None]
    for value in (
        parameter.get("example"),
        first.get("value") if isinstance(first, dict) else None,
        schema.get("default"),
        schema.get("example"),
        enum[0],
    ):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int | float):
            return str(value)
    return None


def _resolved(document: Mapping[str, Any], part: Any) -> Mapping[str, Any]:
    """What a ``$ref`` inside the document points at."""
    for _ in range(8):
        if not isinstance(part, dict):
            return {}
        reference = part.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return part
        part = document
        for step in reference[2:].split("/"):
            part = part.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(part, dict) else {}
    return {}


def identities(content: Any, parameter: str) -> list[str]:
    """The values that a list answer has for a path parameter, in their order."""
    own = parameter.rpartition("_")[2]
    names = list(dict.fromkeys([parameter, own if own in _IDENTITIES else "", *_IDENTITIES, "name"]))
    found = (
        next((row[name] for name in names if _is_identity(row.get(name))), None) for row in _rows(content)
    )
    return list(dict.fromkeys(str(each) for each in found if each is not None))


def _rows(content: Any) -> Iterable[dict[str, Any]]:
    if isinstance(content, dict):
        content = next((each for each in content.values() if isinstance(each, list)), [])
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def _is_identity(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
