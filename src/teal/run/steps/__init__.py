"""What performs the steps of a plan, each named by what it works on."""
