"""Which programs does the README show? Written into a folder, one file each: ``readme.py FOLDER``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def snippets(sdk: str) -> list[str]:
    """Those for this major version of the MCP SDK, or for any."""
    shown = re.findall(r"```python(?: mcp([0-9]))?\n(.*?)```", README.read_text(), re.DOTALL)
    return [text for only, text in shown if only in ("", sdk)]


if __name__ == "__main__":
    for number, text in enumerate(snippets("2")):
        Path(sys.argv[1], f"readme_{number}.py").write_text(text)
