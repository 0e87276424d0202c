"""What holds one stack together over several machines: the word that all edges follow, and the order of commands."""
