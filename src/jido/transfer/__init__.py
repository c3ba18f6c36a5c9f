"""Carrying code and data to a cluster and results home: push, snapshot, pull."""
