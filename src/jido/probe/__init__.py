"""From an address to a map: what is asked, how the answers are read, what changed since."""
