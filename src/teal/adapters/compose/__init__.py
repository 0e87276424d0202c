"""Docker Compose, called as a command."""
