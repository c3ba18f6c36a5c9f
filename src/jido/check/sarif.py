"""A report as SARIF 2.1.0, which editors and code hosts read."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jido.check.findings import Edit, Finding, Report
from jido.check.rules import RULES

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(report: Report, version: str) -> dict[str, Any]:
    """The document: one run, every rule described, a result for each finding.

    Args:
        report: What was found.
        version: jido's own.
    """
    index = {rule.name: number for number, rule in enumerate(RULES)}
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.about},
            "fullDescription": {"text": rule.why},
            "help": {"text": rule.fix},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in RULES
    ]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "jido check", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, index[one.rule]) for one in report.findings],
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "note", "message": {"text": f"not checked: {_plain(one.what)}"}}
                            for one in report.unknown
                        ],
                    }
                ],
            }
        ],
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": finding.line, "startColumn": finding.column}
    if finding.end > finding.column:
        region["endColumn"] = finding.end
    where = _artifact(finding.file)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": _plain(f"{finding.what}. {finding.why} Fix: {finding.fix}")},
        "locations": [{"physicalLocation": {"artifactLocation": where, "region": region}}],
    }
    if finding.job:
        result["locations"][0]["logicalLocations"] = [{"name": _plain(finding.job), "kind": "member"}]
    if finding.edits:
        change = {"artifactLocation": where, "replacements": [_replacement(edit) for edit in finding.edits]}
        result["fixes"] = [{"description": {"text": _plain(finding.fix)}, "artifactChanges": [change]}]
    return result


def _artifact(file: str) -> dict[str, Any]:
    return {"uri": quote(file.encode("utf-8", "surrogateescape"), safe="/")}


def _replacement(edit: Edit) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": edit.line, "startColumn": edit.column, "endLine": edit.last}
    if edit.end:
        region["endColumn"] = edit.end
    return {"deletedRegion": region, "insertedContent": {"text": _plain(edit.text)}}


def _plain(text: str) -> str:
    """Text that is valid UTF-8 whatever a script held."""
    return text.encode("utf-8", "backslashreplace").decode()
