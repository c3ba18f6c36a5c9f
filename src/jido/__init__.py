"""jido (지도): map a compute cluster, lay a project out on it, run jobs there, bring results home."""

__version__ = "0.1.0"
