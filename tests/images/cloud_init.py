"""cloud-init's own code as a judge of user data. Run by the Python that Debian's cloud-init runs by.

It reads user data in base64, one a line, and answers each with a line of JSON: `parts` is what cloud-init finds in it,
as [type, base64]; and for a line that begins with `boot `, what a system has of it once MAAS's datasource handed it
over: the merged `config`, the `scripts` to run, `hostname`, and `preserved` for a name that is left alone.
"""

import base64
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from cloudinit import helpers, stages, user_data, util


class Init(stages.Init):
    """A system of its own: it reads and writes nothing of the one that it runs on."""

    def __init__(self, folder: Path) -> None:
        self._paths_of = {"cloud_dir": str(folder / "var"), "run_dir": str(folder / "run")}
        super().__init__()

    def _read_cfg(self, _: object) -> dict[str, Any]:
        return {"system_info": {"distro": "debian", "paths": self._paths_of}, "datasource_list": ["MAAS"]}


def parts(data: bytes, folder: Path) -> dict[str, Any]:
    found = user_data.UserDataProcessor(helpers.Paths({"cloud_dir": str(folder)})).process(data)
    leaves = [part for part in found.walk() if part.get_content_maintype() != "multipart"]
    return {"parts": [[part.get_content_type(), _text(util.fully_decoded_payload(part))] for part in leaves]}


def boot(data: bytes, folder: Path) -> dict[str, Any]:
    seed = folder / "var/seed/maas"
    (seed / "meta-data").mkdir(parents=True)
    (seed / "meta-data/instance-id").write_text("4y3h7n")
    (seed / "meta-data/local-hostname").write_text("node-7.maas")
    (seed / "user-data").write_bytes(data)
    init = Init(folder)
    init.initialize()
    init.fetch()
    init.instancify()
    init.update()
    init.consume_data("always")
    config = yaml.safe_load(Path(init.paths.get_ipath("cloud_config")).read_text()) or {}
    hostname, fqdn = list(util.get_hostname_fqdn(config, init.cloudify()))[:2]
    init.distro.set_option("prefer_fqdn_over_hostname", config.get("prefer_fqdn_over_hostname"))
    return {
        "config": config,
        "scripts": [path.read_text() for path in sorted(Path(init.paths.get_ipath("scripts")).iterdir())],
        "hostname": init.distro._select_hostname(hostname, fqdn),
        "preserved": config.get("preserve_hostname"),
    }


def _text(payload: Any) -> str:  # noqa: ANN401 - what `email` has
    raw = payload if isinstance(payload, bytes) else str(payload).encode("utf-8", "surrogateescape")
    return base64.b64encode(raw).decode()


def main() -> None:
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        whole, _, text = line.rpartition(" ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = (boot if whole else parts)(base64.b64decode(text), Path(folder))
            except Exception as error:  # noqa: BLE001 - whatever cloud-init stumbles over is its verdict
                found = {"error": repr(error)}
        print(json.dumps(found), flush=True)


main()
