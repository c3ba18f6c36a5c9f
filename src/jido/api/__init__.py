"""The Python API: one cluster, bound to its transport, engine and map."""
