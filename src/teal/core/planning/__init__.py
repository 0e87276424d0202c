"""Which steps a command is made of, and what an interrupted one left to do."""
