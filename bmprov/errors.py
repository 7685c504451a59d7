"""Every error that crosses a module boundary.

The class says what happens next: a `Retryable` is tried again by the flow runner, a `Fatal` ends the operation, a
`Refused` is a caller's request that was not accepted and has changed nothing. The text says what happened; `check`
says what a person should look at. No error ever carries a secret.
"""


class BmprovError(Exception):
    """Base of all. `why` is one sentence without its full stop, `check` is what to look at (may be empty)."""

    def __init__(self, why: str, check: str = "") -> None:
        super().__init__(why, check)
        self.why = why
        self.check = check

    def concerns(self, what: str) -> None:
        """Name first what the error is about, where only a caller knows that."""
        self.why = f"{what}: {self.why}"

    def __str__(self) -> str:
        return f"{self.why}: {self.check}" if self.check else self.why


class Retryable(BmprovError):
    """The world may be different in a moment; the flow runner tries again with backoff.

    `retry_after_s` is what the other side has asked us to wait for.
    """

    def __init__(self, why: str, check: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(why, check)
        self.retry_after_s = retry_after_s


class Fatal(BmprovError):
    """Trying again cannot help; an operator must look."""


class Refused(BmprovError):
    """A request that was not accepted. Nothing was changed."""


class Invalid(Refused):
    """The request itself is wrong."""


class NotFound(Refused):
    """What the request names does not exist, or is not the caller's."""


class Conflict(Refused):
    """The request is sound but not now: something else is going on. `retry_after_s` says when to ask again."""

    def __init__(self, why: str, check: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(why, check)
        self.retry_after_s = retry_after_s


class NoCapacity(Refused):
    """No machine satisfies the request."""


class BmcUnreachable(Retryable):
    """The BMC gave no answer before the deadline, or the network says that nobody is there."""


class BmcSilent(BmcUnreachable):
    """Nothing came for `waited_s` seconds."""

    def __init__(self, address: str, waited_s: float) -> None:
        super().__init__(
            f"BMC {address} did not answer for {waited_s:.3g} s", "check its cable, its address, its VLAN and its port"
        )


class BmcBusy(Retryable):
    """The BMC answered that it cannot now, or another session of ours holds it."""


class BmcMismatch(Retryable):
    """The BMC accepted a change and reads back something else."""


class BmcAuthFailed(Fatal):
    """The BMC refused the user or the password."""

    def __init__(self, address: str, user: str) -> None:
        super().__init__(
            f"BMC {address} refused user '{user}' or its password",
            "check both, and that the user may log in over LAN with operator privilege",
        )


class BmcLockedOut(BmcAuthFailed):
    """The BMC has refused this login so often that one more would lock the account; nothing was sent."""

    def __init__(self, address: str, refusals: int) -> None:
        super(BmcAuthFailed, self).__init__(
            f"BMC {address} has refused its user or password {refusals} times, so they are not tried again",
            "tell them anew with `bmprov machine set-bmc`, before the BMC locks the account",
        )


class BmcRefused(Fatal):
    """The BMC answered and will not do it."""


class NoVirtualMedia(BmcRefused):
    """The BMC cannot show its machine an image as a CD."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"BMC {address} has no virtual CD",
            "reach it by Redfish, if it has that; else `bmprov machine set NAME --boot-from network`",
        )


class BmcUntrusted(Fatal):
    """The BMC's certificate is not the one that is trusted. `found` is its SHA-256 fingerprint, if that is known."""

    def __init__(self, address: str, reason: str, found: str = "") -> None:
        told = f"its fingerprint is sha256:{found}" if found else f"the TLS library says: {reason}"
        super().__init__(
            f"the certificate of BMC {address} is not trusted ({told})",
            "compare the fingerprint with the BMC's own page, then enrol it with that fingerprint, or with its CA",
        )
        self.found = found


class SwitchUnreachable(Retryable):
    """The switch gave no answer before the deadline, or the connection to it broke. What was sent may have happened."""


class SwitchBusy(Retryable):
    """Another session, ours or somebody's, holds the switch or its configuration; nothing was changed."""


class SwitchHeld(SwitchBusy):
    """Another session of ours holds the switch, which was not asked."""


class SwitchMismatch(Retryable):
    """The switch accepted a change and reads back something else."""


class SwitchAuthFailed(Fatal):
    """The switch refused the user or the password."""

    def __init__(self, address: str, user: str, what: str = "its password") -> None:
        super().__init__(
            f"switch {address} refused user '{user}' or {what}",
            "check both, and that the user may log in over SSH and change the configuration",
        )


class SwitchLockedOut(SwitchAuthFailed):
    """The switch has refused this login so often that it is left alone for a while; nothing was sent."""

    def __init__(self, address: str, refusals: int, left_s: float) -> None:
        super(SwitchAuthFailed, self).__init__(
            f"switch {address} has refused its user or password {refusals} times, and is not asked for {left_s:.0f} s",
            "tell them anew with `bmprov switch set`, or wait, before the switch locks the account",
        )


class SwitchRefused(Fatal):
    """The switch answered and will not do it."""


class SwitchForbidden(Fatal):
    """The port or the VLAN is not ours to touch; nothing was sent."""
