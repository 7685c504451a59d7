"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from tests.docs import PARTS, ROOT, generated


@pytest.mark.parametrize("name", PARTS)
def test_generated_parts_are_up_to_date(name: str) -> None:
    """A table or a diagram that comes from the code is the code's (`python -m tests.docs` writes it)."""
    assert (ROOT / name).read_text() == generated(name)


@pytest.mark.parametrize(
    "document", sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
)
def test_links_lead_somewhere(document: Path) -> None:
    """No document points at a file that is not there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / document).read_text())
    assert [target for target in targets if not (ROOT / document.parent / target).exists()] == []
