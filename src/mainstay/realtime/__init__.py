"""WebSockets: which channel layer a service uses."""
