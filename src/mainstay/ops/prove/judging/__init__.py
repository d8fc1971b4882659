"""What is said of a run: rules, what each measures in a history, and whether that is enough to pass or fail."""
