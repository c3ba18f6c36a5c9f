"""File-system kinds: how each is recognised and what it is good and bad at."""
