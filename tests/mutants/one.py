"""``python -m tests.mutants.one NAME FILE FOLDER SEED``: one proof with one mutant; prints its claim as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.progress import Silent
from mainstay.ops.prove.run import prove
from mainstay.ops.topology import load
from mainstay.ops.topology.values import Topology
from tests.mutants import SWITCHED, VARIABLE, Mutant, named


def twin(mutant: Mutant, topology: Topology) -> dict[str, Any]:
    """How the twin differs: by what its services import."""
    if mutant.where != "services":
        return {}
    env = {"PYTHONPATH": str(SWITCHED), VARIABLE: mutant.name}
    return {"services": {service.name: {"env": env} for service in topology.services}}


def main() -> None:
    mutant, file, folder, seed = named(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    topology = load(file)
    options = Options(
        size="full",
        only=(mutant.claim,),
        seed=seed,
        rate=mutant.rate if mutant.claim != "generator" else None,
        edge="haproxy",
        shrink=False,
        evidence=folder,
        twin=twin(mutant, topology),
    )
    proof, _ = asyncio.run(prove(topology, options, lambda place: Silent()))
    print(json.dumps(document(proof)["claims"][0], default=str))


if __name__ == "__main__":
    main()
