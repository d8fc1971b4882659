"""Configuration texts from templates; a name that a template uses and nobody gave is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(  # nosec B701 - configuration texts, never HTML
    loader=PackageLoader("mainstay.ops.engines"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - the texts are configuration files, not pages
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: object) -> str:
    """The text of a template from the folder beside this module."""
    return _environment.get_template(template).render(**values)
