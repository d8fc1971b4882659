"""The only pair of hands: starts, watches, restarts, drains and stops every process of a system."""
