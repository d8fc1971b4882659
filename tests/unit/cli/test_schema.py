"""``mainstay schema``."""

from __future__ import annotations

import json

import typer
from typer.testing import CliRunner

from mainstay.cli import schema as verb
from mainstay.ops.topology import json_schema

app = typer.Typer()
app.command()(verb.schema)


def test_the_schema_is_printed_as_json() -> None:
    done = CliRunner().invoke(app, [])

    assert done.exit_code == 0
    assert json.loads(done.output) == json.loads(json.dumps(json_schema()))
