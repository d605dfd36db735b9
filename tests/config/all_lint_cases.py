"""Every lint case: the smallest files that show each rule."""

from __future__ import annotations

from typing import Any

from tests.config import lint_cases_hosts, lint_cases_http, lint_cases_intent, lint_cases_sections, lint_cases_ssh

CASES: list[Any] = [
    *lint_cases_intent.CASES,
    *lint_cases_hosts.CASES,
    *lint_cases_http.CASES,
    *lint_cases_sections.CASES,
    *lint_cases_ssh.CASES,
]
