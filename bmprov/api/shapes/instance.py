"""Instances and what is told about their power."""

from datetime import datetime
from typing import Self

from bmprov.api.shapes.base import Reply, moment, moment_or_none
from bmprov.api.shapes.page import PageOut
from bmprov.lifecycle import State
from bmprov.model import Image, Instance, Machine
from bmprov.power import Power
from bmprov.truth import CLOUDSTACK_WORDS, Told


class PowerOut(Reply):
    """The power of an instance. `power_state` is CloudStack's word for it, `because` says where it is known from."""

    power: Power
    power_state: str
    read_at: datetime | None
    because: str

    @classmethod
    def of(cls, told: Told) -> Self:
        """What is told about an instance's power."""
        return cls(
            power=told.power,
            power_state=CLOUDSTACK_WORDS[told.power],
            read_at=moment_or_none(told.read_at),
            because=told.because,
        )


class InstanceOut(Reply):
    """A CloudStack instance. `state` is its machine's, `cloud` the cloud whose token created it."""

    id: str
    name: str
    cloud: str
    host: str
    machine: str
    state: State
    image: str | None
    created_at: datetime

    @classmethod
    def of(cls, instance: Instance, machine: Machine, image: Image | None) -> Self:
        """An instance on its machine."""
        return cls(
            id=instance.id,
            name=instance.name,
            cloud=instance.cloud,
            host=instance.host,
            machine=machine.name,
            state=machine.state,
            image=image.name if image else None,
            created_at=moment(instance.created_at),
        )


class InstanceList(PageOut):
    """Instances by name."""

    instances: list[InstanceOut]
