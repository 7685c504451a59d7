"""Where the API is and with which token it is called.

An endpoint that is given as an option or in the environment is used with the token given there, never with one from a
file: a token goes only to the service that it was made for.
"""

import configparser
from dataclasses import dataclass, field
from pathlib import Path

from bmprov.errors import Fatal

CLIENT_INI = "client.ini"
_SECTION = "bmprov"
_CHECK = "give --data DIR of a `bmprov up`, or --endpoint, --token and --ca, or set BMPROV_DATA or BMPROV_ENDPOINT"


@dataclass(frozen=True)
class Login:
    """An API and a token for it. `ca` is a PEM file; empty means the system's authorities."""

    endpoint: str
    token: str = field(repr=False)
    ca: str = ""

    @classmethod
    def from_file(cls, path: Path) -> "Login":
        """The login in a file that `bmprov up` writes.

        Raises:
            Fatal: the file cannot be read, or has no section `[bmprov]` with `endpoint` and `token`.
        """
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text())
            section = parser[_SECTION]
            return cls(section["endpoint"], section["token"], section.get("ca", ""))
        except OSError as error:
            raise Fatal(f"{path} cannot be read ({error.strerror})", _CHECK) from error
        except (configparser.Error, KeyError, UnicodeDecodeError):
            # the parser's own words would quote a line, and that may be the token's
            raise Fatal(f"{path} is not understood", f"it needs [{_SECTION}] with endpoint, token and ca") from None


def find(endpoint: str | None, token: str | None, ca: str | None, data: Path | None) -> Login:
    """The login to use: what was given, else the file of an `up`, else `~/.config/bmprov/client.ini`.

    Raises:
        Fatal: nothing says where the API is, or the token is missing.
    """
    if endpoint:
        if not token:
            raise Fatal(f"there is no token for {endpoint}", "give --token, or set BMPROV_TOKEN")
        return Login(endpoint.rstrip("/"), token, ca or "")
    own = Path.home() / ".config" / "bmprov" / CLIENT_INI
    if data is None and not own.exists():
        raise Fatal("nothing says where bmprov's API is", _CHECK)
    return Login.from_file(data / CLIENT_INI if data else own)
