"""
The outermost layer around a project's application, before Django is asked and after it has answered.

It names the request, knows who asks, admits or refuses, answers probes and static files,
ends what runs too long and writes the one access line.
"""
