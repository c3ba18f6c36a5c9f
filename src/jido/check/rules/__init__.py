"""Every rule there is, in the order in which findings are told."""

from __future__ import annotations

from jido.check.rule import Rule
from jido.check.rules import asking, body, files, writing

RULES: tuple[Rule, ...] = (*writing.RULES, *asking.RULES, *files.RULES, *body.RULES)
BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}
