"""The rules by which SQL is judged, one family in each module."""
