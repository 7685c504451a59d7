"""How the service is: its queue, its workers, its sweep, and the worst of what is wrong, from `GET /api/v1/health`."""

from typing import Any

from rich.text import Text

from bmprov.cli.output import age_s
from bmprov.quantities import brief

_ERROR = "error"


def lines(health: dict[str, Any]) -> list[Text]:
    """A line of facts, and one of trouble if there is any."""
    facts = Text("   ").join([*_queue(health), _workers(health), _sweep(health)])
    return [facts, *_trouble(health["troubles"])]


def _queue(health: dict[str, Any]) -> list[Text]:
    if health["pulse"] is None:
        due = sum(one["operations"] for one in health["census"]["due"]) if health["census"] else 0
        return [Text(f"queue unknown, {due} operations due", style="bold red")]
    queues = health["pulse"]["queues"]
    jobs = sum(one["jobs"] for one in queues)
    oldest = min((one["oldest_at"] for one in queues if one["oldest_at"]), default=None)
    return [Text(f"queue {jobs}" + (f", oldest {brief(age_s(oldest))}" if oldest and jobs else ""))]


def _workers(health: dict[str, Any]) -> Text:
    if health["pulse"] is None:
        return Text("workers unknown", style="bold red")
    workers = [one for one in health["pulse"]["processes"] if one["part"] == "worker"]
    if not workers:
        return Text("no worker alive", style="bold red")
    return Text(f"workers {len(workers)} alive, {sum(bool(one['doing']) for one in workers)} busy")


def _sweep(health: dict[str, Any]) -> Text:
    """The site whose sweep is the oldest counts."""
    ages = health["sweep_ages"]
    if not ages:
        return Text("power not swept yet", style="yellow")
    site, oldest = max(ages.items(), key=lambda one: one[1])
    late = oldest > health["freshness_s"]
    where = f" ({site})" if len(ages) > 1 else ""
    return Text(f"power swept {brief(oldest)} ago{where}", style="bold red" if late else "default")


def _trouble(troubles: list[dict[str, Any]]) -> list[Text]:
    if not troubles:
        return []
    worst = troubles[0]
    colour = "bold red" if worst["severity"] == _ERROR else "yellow"
    words = Text(f"{worst['severity']}: {worst['what']}", style=colour)
    words.append(f" ({worst['where']})" if worst["where"] else "", style="default")
    words.append(f": {worst['check']}", style="default")
    more = len(troubles) - 1
    return [words.append(f" (and {more} more)", style="dim") if more else words]
