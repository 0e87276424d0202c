"""The judge of SQL by phase: its corpus, and what a real database says to it."""
