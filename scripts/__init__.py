"""What the make targets call; nothing here is part of the package."""
