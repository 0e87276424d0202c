"""Release 3 renames a column: authors are writers now."""

AUTHOR, STARS = "writer", "stars"
EXTRA = {"notes": {"mail": "reader@example.org", "helpful": 0}, "votes": {}}
