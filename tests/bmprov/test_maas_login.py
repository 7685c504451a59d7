"""Where a MAAS is and how to log in: one spelling, or a sentence that quotes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bmprov.api.shapes.base import Label
from bmprov.errors import Invalid
from bmprov.maas_login import region_key, region_names, region_url

LABEL = TypeAdapter(Label)


@pytest.mark.parametrize(
    ("given_as", "stored"),
    [
        ("http://maas.example:5240/MAAS", "http://maas.example:5240/MAAS"),
        ("http://maas.example:5240", "http://maas.example:5240/MAAS"),
        ("http://maas.example:5240/", "http://maas.example:5240/MAAS"),
        ("http://maas.example:5240/MAAS/", "http://maas.example:5240/MAAS"),
        ("http://maas.example:5240/MAAS/api/2.0", "http://maas.example:5240/MAAS"),
        ("http://maas.example:5240/MAAS/api/2.0/", "http://maas.example:5240/MAAS"),
        ("  HTTPS://MAAS.Example.:443/MAAS\n", "https://maas.example/MAAS"),
        ("http://maas.example:80", "http://maas.example/MAAS"),
        ("https://maas.example:80", "https://maas.example:80/MAAS"),
        ("https://proxy.example/east/MAAS/", "https://proxy.example/east/MAAS"),
        ("http://10.0.0.2:5240/MAAS", "http://10.0.0.2:5240/MAAS"),
        ("http://[FD00:0::2]:5240/MAAS", "http://[fd00::2]:5240/MAAS"),
    ],
)
def test_one_region_has_one_url(given_as: str, stored: str) -> None:
    """However it is copied from MAAS's documents or the built-in extension's details, it is the same region."""
    assert region_url(given_as) == stored
    assert region_url(stored) == stored


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "maas.example",
        "maas.example:5240",
        "ftp://maas.example/MAAS",
        "http://",
        "http://:5240/MAAS",
        "http://maas.example:notaport/MAAS",
        "http://maas.example:99999/MAAS",
        "http://[::1/MAAS",
        "http://[::zz]/MAAS",
        "http://maas example/MAAS",
        "http://maas.example/secret",
        "http://maas.example/maas",
        "http://maas.example//MAAS",
        "http://maas.example/MAAS?token=secret",
        "http://maas.example/MAAS#secret",
        "http://maas.example/MAAS/r/machines",
        "http://admin:secret@maas.example/MAAS",
        "http://secret@maas.example/MAAS",
        "http://secret\\@maas.example/MAAS",
        "http://mäas.example/MAAS",
    ],
)
def test_what_is_no_url_of_a_region(wrong: str) -> None:
    """It is refused, and the sentence does not repeat what may be a password."""
    with pytest.raises(Invalid) as caught:
        region_url(wrong)
    assert "secret" not in str(caught.value)


def test_a_key_has_three_parts() -> None:
    """Blanks around it come from a file's end or from a page."""
    assert region_key(" Kx7:Tq2:Zz9\n") == "Kx7:Tq2:Zz9"


@pytest.mark.parametrize("wrong", ["", "secret", "secret:b", "a:b:secret:d", "a::secret", ":b:secret", "se cret:b:c"])
def test_what_is_no_key(wrong: str) -> None:
    """It is refused unseen."""
    with pytest.raises(Invalid, match="maas apikey") as caught:
        region_key(wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("http://maas.example:5240/MAAS", ["maas.example", "maas.example-5240"]),
        ("https://maas/MAAS", ["maas", "maas-443"]),
        ("http://[::]/MAAS", ["maas", "maas-80"]),
        ("http://[fd00::2]:5240/MAAS", ["fd00--2", "fd00--2-5240"]),
        (f"http://{'a' * 63}.{'b' * 60}/MAAS", ["a" * 63, f"{'a' * 61}-80"]),
    ],
)
def test_a_region_without_a_name_is_called_like_its_host(url: str, names: list[str]) -> None:
    """Each is a name as regions may have it: at most 64 characters, a letter or a digit at both ends."""
    assert region_names(url) == names


@given(st.text(max_size=80) | st.text("http:/@[]?#.MAS25% ", max_size=40).map("http://".__add__))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    """Nothing else happens, and what is taken stays as it is when it is read again."""
    try:
        url = region_url(text)
    except Invalid:
        return
    assert region_url(url) == url
    assert url.endswith("/MAAS")
    assert all(LABEL.validate_python(name) for name in region_names(url))
