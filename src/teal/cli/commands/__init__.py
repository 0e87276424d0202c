"""The commands, by topic; each module loads only when one of its commands is run."""
