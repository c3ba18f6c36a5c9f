"""What of a cluster can really be had: GPUs usable now by me, and places for a job, from maps alone."""
