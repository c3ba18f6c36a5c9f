"""Schedulers, each a pure pair of composing and parsing."""
