"""What CloudStack's payload says, as records. Whatever JSON comes in, a record or `Invalid` comes out.

The keys are those that CloudStack's `ExternalPathPayloadProvisioner` writes (4.21 to 4.23): `externaldetails`,
`virtualmachineid`, `virtualmachinename`, `cloudstack.vm.details`. What is not known is ignored; what is known and makes
no sense is refused by name.
"""

from bmprov.payload.choice import DETAILS, Choice
from bmprov.payload.custom import CustomRequest, parse_custom
from bmprov.payload.maas import MaasLogin
from bmprov.payload.nic import NicRequest
from bmprov.payload.request import (
    InstanceRef,
    InstanceRequest,
    parse_host,
    parse_ref,
    parse_request,
    prepare_answer,
)
from bmprov.payload.seed import Seed
from bmprov.payload.user import CloudUser, parse_user

__all__ = [
    "DETAILS",
    "Choice",
    "CloudUser",
    "CustomRequest",
    "InstanceRef",
    "InstanceRequest",
    "MaasLogin",
    "NicRequest",
    "Seed",
    "parse_custom",
    "parse_host",
    "parse_ref",
    "parse_request",
    "parse_user",
    "prepare_answer",
]
