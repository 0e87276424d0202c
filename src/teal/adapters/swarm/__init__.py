"""Docker Swarm: its store, stacks and edges, spoken to through the socket of the manager on which Teal runs."""
