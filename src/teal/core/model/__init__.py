"""What is wanted, what is there, what is kept: values that every other package of the core speaks of."""
