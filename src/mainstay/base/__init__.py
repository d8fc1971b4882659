"""What the inside and the outside share: standard library only, no Django, no sockets."""
