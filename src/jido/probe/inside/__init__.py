"""Compute nodes from inside: the smallest job on one node of each kind, and what it sees."""
