"""What a bare number means: how long, when, and which release.

- ``Seconds`` is how long something lasts or may last: timeouts, graces, intervals, what a step took.
- ``Moment`` is when something was, in seconds since the epoch; readings of the monotonic clock are plain floats, and
  mean something only beside one another.
- ``ReleaseId`` is the number of a release, not of a run, a port or a migration file; 0 stands for the one-shots that
  belong to no release, and for no floor.

"""

from __future__ import annotations

from typing import NewType

Seconds = NewType("Seconds", float)
Moment = NewType("Moment", float)
ReleaseId = NewType("ReleaseId", int)
