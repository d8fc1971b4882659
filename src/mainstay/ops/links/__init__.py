"""TCP fault proxies: in path on every edge between processes, and harmless until told otherwise."""
