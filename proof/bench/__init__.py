"""How fast a deploy, a switch, a rollback and the commands are, each beside what it is measured against."""
