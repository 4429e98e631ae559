"""Settings that cannot be used are refused with the name, the value and what is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.settings import _embedded_key, read_settings
from models.errors import UsageError
from models.settings import ConnectionSettings, settings_from_json
from models.words import DataType, Side


def test_defaults_sync_everything_both_ways() -> None:
    """An empty choice is the usual one, and what is stored comes back equal."""
    settings = settings_from_json("{}")
    assert settings.data_types == set(DataType)
    assert settings.write_to == set(Side)
    assert settings == settings_from_json(settings.model_dump_json())
    changed = ConnectionSettings(policy={"invoice.memo": "review"}, data_types={"invoices"})
    assert settings_from_json(changed.model_dump_json()) == changed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["the text", "Invalid JSON"]),
        ("{", ["the text", "Invalid JSON"]),
        ("[]", ["the text"]),
        ('{"frequency_minutes": 0}', ["frequency_minutes", "is 0", "greater than or equal to 1"]),
        ('{"frequency_minutes": 1441}', ["frequency_minutes", "1441", "1440"]),
        ('{"frequency_minutes": "often"}', ["frequency_minutes", "'often'"]),
        ('{"data_types": ["invoicez"]}', ["data_types", "'invoicez'", "financials"]),
        ('{"write_to": ["both"]}', ["write_to", "'both'", "quickbooks"]),
        ('{"policy": {"invoice": "newest"}}', ["policy", "'newest'", "latest"]),
        ('{"policy": {"nothing": "latest"}}', ["policy", "'nothing'", "no such"]),
        ('{"policy_version": 0}', ["policy_version", "is 0"]),
        ('{"batch_writes": "perhaps"}', ["batch_writes", "'perhaps'"]),
        ('{"expense_posting": "cash"}', ["expense_posting", "'cash'", "'bill'"]),
        # a word that nobody knows is a mistake, not an extra
        ('{"colour": "red"}', ["colour", "'red'"]),
    ],
)
def test_a_wrong_choice_is_named(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        settings_from_json(text)
    assert str(caught.value).startswith("settings: ")
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_long_wrong_text_is_shortened() -> None:
    """The message fits on a line, whatever was stored."""
    with pytest.raises(UsageError) as caught:
        settings_from_json("x" * 100_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("READ_TIMEOUT_SECONDS", "soon", ["'soon'", "number"]),
        ("READ_TIMEOUT_SECONDS", "0", ["'0'", "greater than 0"]),
        ("READ_TIMEOUT_SECONDS", "601", ["'601'", "600"]),
        ("READ_TIMEOUT_SECONDS", "nan", ["'nan'"]),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, words: list[str]
) -> None:
    """The operator reads the variable's full name, its value and what is wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"QBSYNC_{name}", value)
    with pytest.raises(UsageError) as caught:
        read_settings()
    for word in (f"QBSYNC_{name}", *words):
        assert word in str(caught.value), caught.value


def test_a_real_database_needs_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the embedded installation makes a key by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QBSYNC_ENCRYPTION_KEYS", raising=False)
    monkeypatch.setenv("QBSYNC_DATABASE_URL", "postgresql://user:password@localhost/books")
    with pytest.raises(UsageError, match="QBSYNC_ENCRYPTION_KEYS is not set"):
        _ = read_settings().fernet_keys


def test_the_embedded_key_is_made_once_and_is_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another start reads the same key, and nobody else on the machine can."""
    monkeypatch.chdir(tmp_path)
    for name in ("ENCRYPTION_KEYS", "DATABASE_URL"):
        monkeypatch.delenv(f"QBSYNC_{name}", raising=False)
    keys = read_settings().fernet_keys
    assert keys == read_settings().fernet_keys
    assert len(keys) == 1
    (path,) = tmp_path.rglob("encryption.key")
    assert path.stat().st_mode & 0o077 == 0


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings that are printed by mistake do not give keys away."""
    monkeypatch.chdir(tmp_path)
    for name in ("INTUIT_CLIENT_SECRET", "ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY"):
        monkeypatch.setenv(f"QBSYNC_{name}", "do-not-show")
    settings = read_settings()
    assert "do-not-show" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_the_embedded_log_is_signed_without_any_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its key is made once, is another than the tokens' key, and is private."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY", "AUDIT_CHECKPOINTS"):
        monkeypatch.delenv(f"QBSYNC_{name}", raising=False)
    first, second = read_settings().audit_signer, read_settings().audit_signer
    assert first is not None
    assert second is not None
    assert first.public_key == second.public_key
    (path,) = tmp_path.rglob("audit-signing.key")
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text() not in read_settings().fernet_keys
    assert {each.name for each in path.parent.iterdir()} == {"audit-signing.key", "encryption.key"}
    assert read_settings().audit_checkpoint_file == Path(".quickbooks-sync/audit-checkpoints.jsonl")


def test_a_real_database_is_signed_only_by_a_key_that_was_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key made there by itself would be lost with the machine, or lie beside the database."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUDIT_SIGNING_KEY", "AUDIT_CHECKPOINTS", "AUDIT_PUBLIC_KEYS"):
        monkeypatch.delenv(f"QBSYNC_{name}", raising=False)
    monkeypatch.setenv("QBSYNC_DATABASE_URL", "postgresql://user:password@localhost/books")
    settings = read_settings()
    assert settings.audit_signer is None
    assert settings.audit_verifier is None
    assert settings.audit_checkpoint_file is None


def test_a_wrong_signing_key_is_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QBSYNC_AUDIT_SIGNING_KEY", "do-not-show")
    with pytest.raises(UsageError, match="QBSYNC_AUDIT_SIGNING_KEY is a text of 11") as caught:
        _ = read_settings().audit_signer
    assert "do-not-show" not in str(caught.value)
    assert "make one with" in str(caught.value)
    monkeypatch.setenv("QBSYNC_AUDIT_SIGNING_KEY", "")
    monkeypatch.setenv("QBSYNC_AUDIT_PUBLIC_KEYS", "abc")
    with pytest.raises(UsageError, match="QBSYNC_AUDIT_PUBLIC_KEYS is 'abc'"):
        _ = read_settings().audit_verifier


def test_processes_that_start_together_make_one_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one that comes second takes the first one's key, and no draft is left."""
    path = tmp_path / "new" / "some.key"
    made: list[str] = []
    original = os.link

    def slower(draft: Path, target: Path) -> None:
        if not made:
            made.append("other key")
            target.write_text("other key")
        original(draft, target)

    monkeypatch.setattr(os, "link", slower)
    assert _embedded_key(path) == "other key"
    assert [each.name for each in path.parent.iterdir()] == ["some.key"]


def test_a_file_of_settings_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One byte of another encoding, in a comment even, and a folder in the file's place."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env"
    path.write_bytes(b"# gr\xfc\xdfe\nQBSYNC_DATABASE_URL=sqlite:///x.db\n")
    with pytest.raises(UsageError, match=r"\.env is no UTF-8 from byte 4 on: save it as UTF-8"):
        read_settings()
    real = Path.open

    def refused(self: Path, *arguments: object, **options: object) -> object:
        if self.name == ".env":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr("builtins.open", lambda *_, **__: refused(path))
    with pytest.raises(UsageError, match=r"\.env cannot be read \(Permission denied\)"):
        read_settings()
