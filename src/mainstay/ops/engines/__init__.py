"""One module per program that Mainstay runs but did not write."""
