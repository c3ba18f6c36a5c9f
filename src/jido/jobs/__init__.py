"""Jobs: submit exactly once, watch, explain, cancel, remember."""
