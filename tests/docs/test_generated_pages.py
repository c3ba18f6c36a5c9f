"""Pages that are made of the code, and the command that renews them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pages import ROOT, rows

from jido.model.document import map_schema, to_json
from jido.twins.fidelity import CARRIED, LOST


def test_the_published_schema_is_the_codes() -> None:
    published = json.loads((ROOT / "docs/reference/map.schema.json").read_text("utf-8"))
    of_the_code = json.loads(to_json(map_schema()))
    assert even(published) == even(of_the_code), "renew it: jido schema map > docs/reference/map.schema.json"


def test_the_page_on_twins_says_what_is_carried_and_what_is_not() -> None:
    page = (ROOT / "docs/reference/fidelity.md").read_text("utf-8")
    for heading, facts in (("## Carried", CARRIED), ("## Not carried", LOST)):
        assert table(facts) in page, f"under `{heading}` write:\n{table(facts)}"
        assert len(rows(page, heading)) == len(facts) + 1


def table(facts: Mapping[str, str]) -> str:
    return "\n".join(f"| `{fact}` | {words} |" for fact, words in facts.items())


def even(schema: Any) -> Any:
    """Descriptions without their indentation, which Python keeps until 3.12 and takes away since."""
    if isinstance(schema, dict):
        return {key: even(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [even(value) for value in schema]
    return " ".join(schema.split()) if isinstance(schema, str) else schema
