"""
Rate limits of a whole fleet: one budget per client, kept in Valkey, mostly decided here.

The door is ``from mainstay.http import rate_limit``; REST framework has
`mainstay.http.limits.throttles.RateLimitThrottle`. Both ask the same engine.
"""
