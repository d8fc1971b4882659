"""One process that serves one project: what it was told to be, its socket, its server and how it leaves."""
