"""Does the machine answer in Python what every host is held to?"""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript import Difference, replay

FOLDER = Path(__file__).parents[3] / "tests" / "transcripts"
FILES = sorted(FOLDER.rglob("*.json"))


def test_there_are_transcripts() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_machine_does_what_the_transcript_says(path: Path) -> None:
    try:
        replay(path.read_text())
    except Difference as difference:
        pytest.fail(str(difference), pytrace=False)


def test_a_transcript_that_says_otherwise_is_noticed() -> None:
    text = (FOLDER / "flow" / "first_sign_in.json").read_text()
    replay(text)
    for said, otherwise in [
        ('"nothing_stored"', '"grant_loaded"'),
        ('"rest": "idle"', '"rest": "authorized"'),
        ('"outcome": "advanced"', '"outcome": "joined"'),
        ('"seed": "first"', '"seed": "second"'),
        ('"expires_at": 1800000600000', '"expires_at": 1800000600001'),
    ]:
        assert said in text
        with pytest.raises(Difference):
            replay(text.replace(said, otherwise, 1))
