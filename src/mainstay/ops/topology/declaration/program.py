"""What the edge and every engine say alike: which program it is, and its port."""

from __future__ import annotations

from mainstay.base.shapes import Integer

PORT = Integer(0, 65535)
FOUND = "the first that has the features needed: on PATH, then as a wheel"
PROGRAM = "The program to run: a path, seen from the folder of this file, or a name on PATH."
