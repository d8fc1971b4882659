"""``python -m mainstay.ops.links CONFIG.json``: the proxies of one system, until SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path

from mainstay.ops.links.control import run

if __name__ == "__main__":
    run(Path(sys.argv[1]))
