"""Datasets: packed once, kept in one catalogue on the cluster, staged by the jobs that ask for them."""
