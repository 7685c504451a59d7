"""The dialects, one a file, by the name that stands in a switch's address."""

from collections.abc import Mapping

from worker.switches.dialect import Dialect
from worker.switches.dialects.arista_eos import ARISTA_EOS
from worker.switches.dialects.cisco_ios import CISCO_IOS
from worker.switches.dialects.cisco_nxos import CISCO_NXOS
from worker.switches.dialects.cumulus import CUMULUS
from worker.switches.dialects.dell_os10 import DELL_OS10
from worker.switches.dialects.hpe_comware import HPE_COMWARE
from worker.switches.dialects.juniper_junos import JUNIPER_JUNOS
from worker.switches.dialects.nokia_srlinux import NOKIA_SRLINUX
from worker.switches.dialects.sonic import SONIC

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *(CISCO_IOS, CISCO_NXOS, ARISTA_EOS, JUNIPER_JUNOS, DELL_OS10),
        *(HPE_COMWARE, NOKIA_SRLINUX, SONIC, CUMULUS),
    )
}
