"""
How many requests a replica works on at once, which wait, and which are refused.

The limit follows what the replica shows that it can do. Everything here is a value
with a clock of its own: no event loop, no thread, no Django.
"""

from __future__ import annotations

from mainstay.http.admission.admission import Admission, Ticket, current
from mainstay.http.admission.limit import Aimd, Fixed, Gradient, Limit

__all__ = ["Admission", "Aimd", "Fixed", "Gradient", "Limit", "Ticket", "current"]
