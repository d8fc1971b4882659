"""``python -m mainstay.cli``: the command line under the interpreter that runs it."""

from mainstay.cli import main

main()
