"""Types, colors, exit statuses: the command line. Nothing here decides; it builds the adapters and shows values."""
