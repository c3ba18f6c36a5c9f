"""Words that are data (in JSON, in the ledger, in a map) and are told to people in the language they read."""

from __future__ import annotations

from jido.words import mark

STATES = (
    *(mark("queued"), mark("starting"), mark("running"), mark("completing"), mark("done"), mark("failed")),
    *(mark("out of memory"), mark("timed out"), mark("cancelled"), mark("node failed"), mark("preempted")),
    *(mark("requeued"), mark("dependency never satisfied"), mark("refused"), mark("unknown")),
)
VERDICTS = (mark("open"), mark("no access"), mark("refused"), mark("down"), mark("not established"))
RESTS_ON = (mark("declared"), mark("verified"), mark("estimated"))
WHEN = (mark("now"), mark("later"), mark("not known"), mark("no"))
FACTS = (mark("known"), mark("absent"), mark("unknown"))
WHOSE = (mark("user"), mark("group"), mark("project"), mark("directory"))
SEVERITIES = (mark("error"), mark("warning"), mark("note"))
LIMITED = (mark("GPUs"), mark("CPUs"), mark("nodes"), mark("running jobs"), mark("jobs in the queue"))
LOOKS = (mark("seen"), mark("waiting"), mark("failed"), mark("not sent"))
HELD = (mark("here"), mark("moved"), mark("half"))
REASONS = (
    *(mark("no CPUs left on its node"), mark("no memory left on its node"), mark("beyond your limits")),
    *(mark("beyond your limit of CPUs"), mark("in no partition that is open to you"), mark("the partition is down")),
    *(mark("not established whether you may use it"), mark("the state of its node is not known")),
)
