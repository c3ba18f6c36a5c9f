"""What a job would stumble over, found before it is queued: rules as data with one function each."""
