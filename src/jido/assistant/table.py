"""Every tool there is, in the order in which they are told."""

from __future__ import annotations

from jido.assistant.amounts import DF, GPUS
from jido.assistant.changing import CANCEL, LAYOUT
from jido.assistant.checking import CHECK
from jido.assistant.maps import EXPLAIN, MAP
from jido.assistant.runs import LOGS, STATUS, WHY
from jido.assistant.submitting import PLAN, SUBMIT
from jido.assistant.tool import by_name

TOOLS = by_name((MAP, EXPLAIN, GPUS, DF, CHECK, PLAN, SUBMIT, STATUS, WHY, LOGS, CANCEL, LAYOUT))
