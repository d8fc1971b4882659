"""Reference pages written by reading the code: what they say cannot differ from what it does."""
