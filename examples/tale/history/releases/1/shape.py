"""Release 1: the first notes."""

AUTHOR, STARS = "author", "stars"
EXTRA = {"notes": {"mail": "reader@example.org"}, "votes": {}}
