"""Which tier holds what, and the plan of a project's folders, here and there."""
