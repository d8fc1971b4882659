"""How names, paths, addresses and commands are written, whichever table they stand in."""

from __future__ import annotations

from mainstay.base.shapes import Text

NAME = Text(
    "a name of lower-case letters, digits, - and _ that starts with a letter (at most 40)",
    pattern=r"[a-z][a-z0-9_-]{0,39}",
)
MODULE = Text(
    "a dotted module name of at most 400 characters",
    pattern=r"(?=.{1,400}$)[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*",
)
APPLICATION = Text(
    'a module and an attribute, such as "shop.asgi:application"',
    pattern=r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*",
    hint="module and attribute are separated by a colon",
)
PATH = Text("a path of at most 400 characters without control characters", pattern=r"[^\x00-\x1f\x7f]{1,400}")
LINE = Text(
    "a command on one line without control characters",
    pattern=r"[^\x00-\x08\x0a-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0a-\x1f\x7f]*",
)
PREFIX = Text(
    'a path prefix that starts and ends with "/"',
    pattern=r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)*",
    hint='such as "/" or "/api/events/"',
)
HOST = Text(
    "a host name or an address",
    pattern=r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])",
    hint="one exact name, without scheme and port",
)
LISTEN = Text(
    "an address to listen on", pattern=r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45})"
)
ORIGIN = Text(
    'an http or https origin in lower case, such as "https://tickets.example.com"',
    pattern=r"https?://([a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    hint="scheme, host and, if it is a special one, port: no path, no query, no user, no slash at the end",
)
NETWORK = Text(
    'an address or a network, such as "192.0.2.7", "10.0.0.0/8" or "2001:db8::/32"',
    pattern=r"[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?",
    hint="numbers only: a name may point elsewhere tomorrow",
)
WORDS = Text(
    "one line of text without control characters",
    pattern=r"[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*",
)
TOPIC = Text('a topic, such as "orders.order_placed"', pattern=r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
VARIABLE = Text("the name of an environment variable", pattern=r"[A-Za-z_][A-Za-z0-9_]*")
WEBHOOK = Text("an http or https address", pattern=r"https?://[!-~]+")
