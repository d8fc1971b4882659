"""
Mainstay: the production layer for Django.

Importing this package costs nothing and sets nothing up; every capability has a
door of its own (``mainstay.settings``, ``mainstay.asgi``, ``mainstay.wsgi``).
"""

__version__ = "0.1.0"
