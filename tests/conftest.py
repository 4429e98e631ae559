"""Registers the fixtures of tests/fixtures."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.databases", "tests.fixtures.prefect", "tests.fixtures.browser"]
