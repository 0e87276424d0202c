"""What a deploy did to its users: measured by two witnesses, said in six lines, drawn, and counted over many."""
