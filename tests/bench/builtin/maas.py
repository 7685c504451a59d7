"""What CloudStack's built-in MaaS extension does in `prepare` (`extensions/MaaS/maas.py`, 4.22), in our words.

It lists all machines, keeps those that are Ready, and tells the first one's first interface. It takes it nowhere: the
next `prepare` may be told the same one. A process of its own: PAYLOAD, with `maas_url` and `maas_key` in the host's
details.
"""

import json
import sys
from http import HTTPStatus
from pathlib import Path

from requests_oauthlib import OAuth1Session


def main(payload: Path) -> None:
    told = json.loads(payload.read_text())
    login, nics = told["externaldetails"]["host"], told["cloudstack.vm.details"]["nics"]
    consumer, token, secret = login["maas_key"].split(":")
    session = OAuth1Session(consumer, resource_owner_key=token, resource_owner_secret=secret)
    response = session.get(f"{login['maas_url']}/api/2.0/machines/")
    if response.status_code != HTTPStatus.OK:
        sys.exit(f"MAAS answered {response.status_code}")
    first = next(one for one in response.json() if one["status_name"] == "Ready")
    nics[0]["mac"] = first["interface_set"][0]["mac_address"]
    print(json.dumps({"nics": nics, "details": {"External:maas_system_id": first["system_id"]}}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
