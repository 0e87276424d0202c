"""What performs the steps that touch the database, and asks it."""
