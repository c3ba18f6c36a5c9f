"""One kind of file system a module: how it is recognised, and what it is good and bad at."""
