"""Frozen data without I/O: the words of the field."""
