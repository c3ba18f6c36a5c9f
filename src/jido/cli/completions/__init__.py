"""What a shell is told when somebody presses Tab: words of the command tree, and names this machine has kept."""
