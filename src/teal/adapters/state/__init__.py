"""What Teal keeps on disk: journal, releases, lock, backup of open contracts."""
