"""What the five services of the example have in common: identity, life cycle, database, peers."""
