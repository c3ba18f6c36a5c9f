"""What `jido dash` serves: a page of this machine with my clusters and runs, live, and what can be done with them."""
