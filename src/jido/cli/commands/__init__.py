"""One module for each verb or noun; imported only when it is called."""
