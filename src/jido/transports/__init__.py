"""How a Command reaches a machine."""
