"""What is remembered on this machine: where it lies, the clusters by name, a project's ``jido.toml``."""
