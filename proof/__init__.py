"""What proves Teal: load, its counting, and reports. Not part of the wheel."""
