"""Which disk holds what: the plan of a project's folders, here and there, and making them."""
