"""What a map means: in plain words, side by side with another, and what is wrong there now. No I/O but its texts."""
