"""A hall as a day's work leaves it, in a store and a Redis: for looking at the pages, and for pictures of them.

Six racks in two zones with 120 machines in all states (`hall.py`); deployments that run, wait and have failed, silent
BMCs, power that somebody has switched by hand (`story.py`). The same each time, but for the time of day.
"""

from tests.scene.hall import PASSWORD, Clock, Scene
from tests.scene.story import DEPLOYING, FAILED, go_on, play

__all__ = ["DEPLOYING", "FAILED", "PASSWORD", "Clock", "Scene", "go_on", "play"]
