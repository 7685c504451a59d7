"""How the service is: what is known of it (`facts`), where that is looked up, and what is wrong with it (`troubles`).

No hardware is asked for any of it. The health page, the metrics, `GET /api/v1/health` and `bmprov top` tell the same.
"""

from bmprov.health.checkup import Checkup, Watched
from bmprov.health.facts import Facts
from bmprov.health.troubles import Severity, Trouble, troubles

__all__ = ["Checkup", "Facts", "Severity", "Trouble", "Watched", "troubles"]
