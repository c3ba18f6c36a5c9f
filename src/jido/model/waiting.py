"""Why a job waits, in words: what schedulers' reasons mean to who has not met them yet."""

from __future__ import annotations

_WORDS = {
    "resources": "what it asks for is in use",
    "priority": "other jobs come first",
    "dependency": "another job has to end first",
    "begintime": "its time to begin has not come",
    "reservation": "it waits for a reservation",
    "partitiondown": "the partition is closed",
    "partitioninactive": "the partition is closed",
    "nodedown": "the node is down",
    "licenses": "licences are in use",
    "jobheldadmin": "an administrator holds it",
    "jobhelduser": "it is on hold",
}
_BEGINNINGS = (
    ("reqnodenotavail", "the node is not available"),
    ("nodes required for job are down", "its nodes are down or set aside"),
    ("qos", "a limit of the QoS is reached"),
    ("assoc", "a limit of the account is reached"),
    ("partition", "a limit of the partition stands against it"),
    ("maxsubmit", "too many jobs are queued already"),
)


def in_words(reason: str) -> str:
    """A scheduler's reason with its meaning, where it is a known one: ``Resources: what it asks for is in use``."""
    plain = reason.strip("() ").lower()
    meaning = _WORDS.get(plain) or next((words for start, words in _BEGINNINGS if plain.startswith(start)), "")
    if not plain or plain == "none":
        return "no reason is told yet"
    return f"{reason.strip('() ')}: {meaning}" if meaning else reason.strip("() ")
