"""Contract suites that a new engine, storage kind or transport must pass."""
