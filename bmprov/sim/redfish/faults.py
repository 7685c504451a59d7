"""What else can go wrong with a BMC that speaks Redfish, settable while it runs."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from bmprov.sim.faults import BmcFaults
from bmprov.sim.redfish.message import Answer, Message, Refusal

_PAGE = b"<!DOCTYPE html><html><head><title>Login</title></head><body><form>User, password</form></body></html>"


@dataclass
class RedfishFaults(BmcFaults):
    """The faults of one BMC; as made, it has none. Change a field and the next request meets it.

    `silent` takes connections and never answers, `refuses_sessions` says SessionLimitExceeded to every login.
    """

    html: bool = False
    """Answers with a page for browsers and 200."""
    unavailable_s: int = 0
    """Answers 503 and a Retry-After of so many seconds."""
    sessions_last_s: float = 0.0
    """A session ends so long after its login, used or not."""
    dribbles_s: float = 0.0
    """Sends a byte, and the next one so much later."""
    truncates: bool = False
    """Sends half of each body, as if that were all."""
    breaks_off: bool = False
    """Announces a body, sends half of it and hangs up."""
    not_redfish: bool = False
    """Answers 200 and JSON that is not Redfish."""
    busy_until_boot: bool = False
    """Refuses to change the boot device until the machine has started once more."""

    no_media: bool = False
    """Tells of no virtual CD."""
    refuses_media: bool = False
    """Refuses to insert an image, as BMCs do that cannot fetch it, and repeats its address."""
    drops_media: bool = False
    """Accepts an image and does not insert it."""

    def instead(self) -> Answer | None:
        """What every request gets instead of being obeyed.

        Raises:
            Refusal: the service is not available.
        """
        if self.unavailable_s:
            wait = str(self.unavailable_s)
            told = Message("ServiceTemporarilyUnavailable", (wait,))
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, told, headers={"Retry-After": wait})
        if self.html:
            return Answer(HTTPStatus.OK, _PAGE, {"Content-Type": "text/html"})
        if self.not_redfish:
            return Answer(HTTPStatus.OK, json.dumps({"status": "ok"}).encode(), {"Content-Type": "application/json"})
        return None
