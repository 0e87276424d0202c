"""What a release looks like as a Compose project of one color."""
