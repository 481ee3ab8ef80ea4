"""What stands in for the platform's keyring?"""

from __future__ import annotations

from pathlib import Path

import keyring
import keyring.backend

from mcp_oauth_core import KeyringStore


class Keys(keyring.backend.KeyringBackend):
    """A keyring in a folder, for several processes."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.broken = False
        folder.mkdir(exist_ok=True)

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise RuntimeError("locked; was asked for SECRET")
        try:
            return self.file(service, username).read_bytes().decode()
        except FileNotFoundError:
            return None

    def set_password(self, service: str, username: str, password: str) -> None:
        # As a whole, for those who look meanwhile.
        draft = self.folder / "draft"
        draft.write_bytes(password.encode())
        draft.replace(self.file(service, username))

    def delete_password(self, service: str, username: str) -> None:
        self.file(service, username).unlink()

    def entries(self) -> list[str]:
        return [file.name for file in self.folder.iterdir()]

    def file(self, service: str, username: str) -> Path:
        return self.folder / f"{service} {username}"


def keyring_store(folder: Path, keys: Keys) -> KeyringStore:
    """The store over such a keyring, which is this platform's for no longer than it takes."""
    before = keyring.get_keyring()
    keyring.set_keyring(keys)
    try:
        return KeyringStore(folder)
    finally:
        keyring.set_keyring(before)
