"""Code there, results home: push, snapshot, pull."""
