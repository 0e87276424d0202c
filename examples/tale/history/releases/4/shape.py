"""Release 4 changes a type: whole stars become a score with decimals."""

AUTHOR, STARS = "writer", "score"
EXTRA = {"notes": {"mail": "reader@example.org", "helpful": 0}, "votes": {}}
