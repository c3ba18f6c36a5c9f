"""Map a cluster: one remote exec, side by side, every fact with its provenance."""
