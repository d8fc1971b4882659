"""Writes: accounts, holds, purchases."""
