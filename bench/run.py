"""
``python -m bench.run [--rounds N] [--json FILE] [NAME …]``: run comparisons and print ratios.

Each module of this folder that offers ``comparisons()`` takes part. Names choose modules.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bench
from bench.frame import LEAST_ROUNDS, ROUNDS, Comparison, Result, measure, table

Source = Callable[[], "list[Comparison]"]


def sources() -> dict[str, Source]:
    """The modules that offer comparisons, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__))
    modules = {
        name: importlib.import_module(f"bench.{name}") for name in names if name not in ("run", "frame")
    }
    return {name: module.comparisons for name, module in modules.items() if hasattr(module, "comparisons")}


def results(chosen: list[Source], rounds: int) -> Iterator[Result]:
    for source in chosen:
        for comparison in source():
            print(f"measuring {comparison.name} …", file=sys.stderr, flush=True)
            yield measure(comparison, rounds=rounds)


def main() -> int:
    offered = sources()
    parser = argparse.ArgumentParser(
        prog="python -m bench.run", description="Ours divided by bare, side by side."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"out of {', '.join(offered)}; all by default"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"{LEAST_ROUNDS} or more, {ROUNDS} by default"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(offered):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    if arguments.rounds < LEAST_ROUNDS:
        parser.error(f"a median with a range needs {LEAST_ROUNDS} rounds or more")
    chosen = [offered[name] for name in offered if not arguments.names or name in arguments.names]
    found = list(results(chosen, arguments.rounds))
    print(f"Processor time, Python {platform.python_version()}, {arguments.rounds} rounds")
    print(table(found))
    if arguments.json:
        arguments.json.write_text(json.dumps([result.as_json() for result in found], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
