"""How a verb spells itself in its help: words to fill in are capitals, and what takes nothing shows nothing."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Verb(TyperCommand):
    """One verb; Typer alone shows ``--json <bool>``, as if a word had to follow, and ``{NAME}`` beside ``[names]``."""

    def get_params(self, ctx: Any) -> Any:
        return plain(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        options = [each for each in self.get_params(ctx) if not is_argument(each)]
        arguments = [placeholder(each) for each in self.get_params(ctx) if is_argument(each)]
        return [*(["[OPTIONS]"] if options else []), *arguments]


def plain(parameters: Any) -> Any:
    """The same parameters, of which flags and arguments name no type; all that is to be filled in is capitals."""
    for each in parameters:
        if is_argument(each):
            each.display_type_rich = lambda ctx: ""  # its own column repeats the type
        if each.metavar is None:
            each.metavar = "" if getattr(each, "is_flag", False) else each.name.upper()
    return parameters


def is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def placeholder(parameter: Any) -> str:
    """An argument in a line of usage: ``NAME``, ``[NAME …]``."""
    word = parameter.metavar or parameter.name.upper()
    word = f"{word} …" if parameter.nargs == -1 else word
    return word if parameter.required else f"[{word}]"
