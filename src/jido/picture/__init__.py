"""Drawing a map: one page or one poster that needs nothing else to be read."""
