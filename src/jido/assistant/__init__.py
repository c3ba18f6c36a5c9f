"""What an assistant is given: tools over the Model Context Protocol, each short, bounded and read-only by default."""
