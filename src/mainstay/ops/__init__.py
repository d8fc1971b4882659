"""The outside: describes, runs and checks the processes of a system. Never imports Django."""
