"""`bmprov furnish`: what `bmprov up` does once its parts run. A process of its own, because `up` only supervises.

Everything in it may be done again: it ends early or is killed, and runs once more.
"""

import hashlib
import io
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bmprov.api.shapes.machine import MachineIn, PlaceOrder
from bmprov.cli import rehearsal
from bmprov.cli.api import Api, path
from bmprov.cli.enrolling import Enrolling
from bmprov.cli.folder import Folder, write
from bmprov.cli.login import Login
from bmprov.cli.readiness import wait_ready
from bmprov.settings import load

_IMAGE_BYTES = 8 * 2**20


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
def command(*, data: Path) -> None:
    """Wait until the parts of an `up` answer, enrol its simulated machines and add an image for them, say `ready`."""
    folder = Folder(data.absolute())
    login = Login.from_file(folder.client_ini)
    wait_ready(login, load(folder.settings))
    with Api(login) as api:
        began = time.monotonic()
        machines = _as_placed(api, rehearsal.machines(folder))
        if machines:
            add_demo_image(api)  # real machines have no use for it
        enrolling = Enrolling(api, click.echo)
        enrolling.run(machines, wait=False)
        enrolling.wait_inspected(_free(api, {machine.name for machine in machines}))
        click.echo(f"{len(machines)} simulated machines after {time.monotonic() - began:.1f} s")
    write(folder.ready, f"{login.endpoint}\n")


def _as_placed(api: Api, machines: Sequence[MachineIn]) -> list[MachineIn]:
    """The machines where people have put them since they were enrolled."""
    known = {one["name"]: one for one in api.every("machines")}
    found = [known.get(one.name, vars(one)) for one in machines]
    places = [{field: told[field] for field in PlaceOrder.model_fields} for told in found]
    return [one.model_copy(update=place) for one, place in zip(machines, places, strict=True)]


def _free(api: Api, names: set[str]) -> set[str]:
    """Those of these machines that no instance has. One whose inspection failed or was lost is inspected anew."""
    free = [one for one in api.every("machines") if one["name"] in names and one["instance"] is None]
    for machine in free:
        if machine["state"] in ("enrolled", "error") and machine["operation"] is None:
            api.post(path("machines", machine["name"], "inspect"))
    return {machine["name"] for machine in free}


def add_demo_image(api: Api) -> None:
    """Put a small image into the catalogue, whose bytes are the same everywhere. No machine can boot it."""
    known = {image["name"] for image in api.get("/images")["images"]}
    if rehearsal.IMAGE in known:
        return
    content = hashlib.shake_256(b"bmprov demo image").digest(_IMAGE_BYTES)
    query = {"sha256": hashlib.sha256(content).hexdigest(), "format": "raw"}
    api.upload(path("images", rehearsal.IMAGE), io.BytesIO(content), len(content), query)
