"""Release 5 removes a column: nobody's address is kept any more."""

AUTHOR, STARS = "writer", "score"
EXTRA = {"notes": {"helpful": 0}, "votes": {}}
