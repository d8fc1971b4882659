"""Whole systems on real engines, under load and fault."""
