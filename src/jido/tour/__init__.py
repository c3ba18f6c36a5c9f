"""``jido tour``: eight missions on a twin, each checked by what really happened there."""
