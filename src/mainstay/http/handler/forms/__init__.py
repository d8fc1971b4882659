"""The native forms of the middleware that Django and WhiteNoise ship, by what they work on."""
