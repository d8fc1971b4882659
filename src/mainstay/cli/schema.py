"""``mainstay schema``: what mainstay.toml may say, for editors and other programs."""

from __future__ import annotations

from mainstay.cli.output import print_json
from mainstay.ops.topology import json_schema


def schema() -> None:
    """
    Print the JSON Schema of mainstay.toml.

    Save it and name it in the first line of the file, and editors complete and check as you type:
    #:schema ./mainstay.schema.json
    """
    print_json(json_schema())
