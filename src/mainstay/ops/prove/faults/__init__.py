"""What can be done to a system on purpose: each fault bites with evidence, and is undone for certain."""
