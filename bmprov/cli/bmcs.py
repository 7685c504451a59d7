"""The options that say where a machine's BMCs are and how to log in to them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from bmprov.cli import enrolment
from bmprov.errors import Invalid

_FIELDS = ("bmc", "second_bmc")
_TRUST = "Redfish: the fingerprint of its certificate (sha256:…), or a CA file on the workers."
_BMC_OPTIONS = (
    click.option(
        "--bmc",
        "bmcs",
        metavar="redfish://USER@HOST",
        multiple=True,
        help="Its BMC; a second is asked if this is silent.",
    ),
    click.option("--password-file", type=click.Path(path_type=Path), help="The file that holds the BMC's password."),
    click.option("--cipher-suite", "cipher_suites", type=int, multiple=True, help="An IPMI suite; may be repeated."),
    click.option(
        "--privilege", type=click.Choice(["administrator", "operator"]), help="IPMI: the level to log in with."
    ),
    click.option("--trust", help=_TRUST),
)


def bmc_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say where a BMC is and how to log in to it."""
    for option in reversed(_BMC_OPTIONS):
        function = option(function)
    return function


def bmcs_of(fields: Mapping[str, Any]) -> dict[str, object]:
    """The BMCs of the options: suites and privilege are for those by IPMI, trust is for those by Redfish."""
    urls = fields["bmcs"] or ()
    if not 1 <= len(urls) <= len(_FIELDS):
        raise click.UsageError("--bmc says where its BMC is: redfish://USER@HOST or ipmi://USER@HOST; give one or two")
    by_ipmi = {"cipher_suites": list(fields["cipher_suites"] or ()), "privilege": fields["privilege"] or ""}
    by_redfish = {"trust": fields["trust"] or ""}
    bmcs = map(enrolment.bmc_of, urls)
    return {
        name: bmc | (by_redfish if str(bmc["address"]).startswith("redfish") else by_ipmi)
        for name, bmc in zip(_FIELDS, bmcs, strict=False)
    }


def password_of(user: str, file: Path | None, *, what: str = "BMC", variable: str = enrolment.PASSWORD_ENV) -> str:
    """A user's password on a BMC, or what else it is: from the file, the environment, or the person at the terminal.

    Raises:
        Invalid: there is none, or the file cannot be read.
    """
    if file is not None:
        return enrolment.password_from(file)
    found = os.environ.get(variable)
    if found is not None or not user:
        return found or ""
    if not os.isatty(0):
        raise Invalid(f"there is no password for the {what}", f"give --password-file or set {variable}")
    answer: str = click.prompt(f"password of {user}", hide_input=True, err=True)
    return answer
