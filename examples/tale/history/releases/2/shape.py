"""Release 2 adds a column: how many found a note helpful."""

AUTHOR, STARS = "author", "stars"
EXTRA = {"notes": {"mail": "reader@example.org", "helpful": 0}, "votes": {}}
