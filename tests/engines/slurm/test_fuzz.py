"""Whatever bytes come back, facts or unknowns or one of jido's own errors come out, never a traceback."""

from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import COMPOSED, RECORDED, said

from jido.engines.base import Inventory, Placement
from jido.engines.slurm import Slurm, looks, nodes
from jido.engines.slurm.queue import base_id, folds
from jido.engines.slurm.records import instant, number, pairs, seconds, table
from jido.engines.slurm.states import exit_of, state_of
from jido.errors import InputError, JidoError
from jido.model.bundle import Finding
from jido.model.command import Reply
from jido.model.job import JobSpec, Resources

ENGINE = Slurm()
PLACE = Placement("/data/r", "job.sh", "r.log", "jido-0123456789abcdef")
CODES = st.sampled_from([0, 0, 0, 1, 127, 255, None])

# Pieces of what Slurm prints, in an order it never would: nearer to trouble than plain noise.
WORDS = st.sampled_from(
    [
        *(
            "NodeName=",
            "PartitionName=",
            "JobId=",
            "State=",
            "Gres=gpu:",
            "CfgTRES=gres/gpu=",
            "AllocTRES=",
            "Reason=",
        ),
        *(
            "MaxTime=",
            "JobDefaults=",
            "ClusterName",
            "AccountingStorageType",
            "aurora",
            "COMPLETED",
            "end",
            "\x1eend\n",
        ),
        *("\x1e", "\x1f", " ", "\n", "|", "=", ":", ",", "[", "]", "(", "+", "*", "0", "1", "99999999999999999999"),
        *("Nodes=g[1-", "Nodes=g[1-99999999999][1-99999]", "gpu:a:b:c:1(", "12_[0-999999999:0%2]", "UNLIMITED"),
        *("(null)", "N/A", "2024-01-01T00:00:00", "١٢", "²", "한글"),
    ]
)
PRINTED = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=40).map(lambda words: "".join(words).encode()))
quick = settings(max_examples=150, deadline=None)


def cut(version: str, kind: str, data: st.DataObject) -> dict[str, Finding]:
    """A recording with a piece torn out of each reply."""
    found = {}
    for name, one in said(version, kind).items():
        text = one.finding().stdout
        start = data.draw(st.integers(0, max(0, len(text))))
        width = data.draw(st.integers(0, 60))
        found[name] = Finding(one.code, text[:start] + data.draw(PRINTED) + text[start + width :])
    return found


@quick
@given(st.lists(st.tuples(CODES, PRINTED, PRINTED), min_size=len(looks.PARTS), max_size=len(looks.PARTS)))
def test_any_looks_become_an_inventory(answers: list[tuple[int | None, bytes, bytes]]) -> None:
    findings = {part.name: Finding(*answer) for part, answer in zip(looks.PARTS, answers, strict=True)}
    assert isinstance(ENGINE.inventory(findings, 1.0), Inventory)


@settings(quick, max_examples=60)
@given(st.sampled_from(RECORDED + COMPOSED), st.data())
def test_torn_looks_become_an_inventory(version: str, data: st.DataObject) -> None:
    assert isinstance(ENGINE.inventory(cut(version, "looks", data), 1.0), Inventory)


@quick
@given(CODES, PRINTED, PRINTED)
def test_any_reply_is_read_or_refused(code: int | None, stdout: bytes, stderr: bytes) -> None:
    spec = JobSpec("n", ("true",))
    asks = (
        ENGINE.submit(spec, PLACE),
        ENGINE.find([PLACE.token]),
        ENGINE.status(["1", "12_3", "12"]),
        ENGINE.history(["1", "12_3"], 0.0),
        ENGINE.cancel(["1"]),
        ENGINE.estimate(spec, PLACE),
    )
    for ask in asks:
        try:
            ask.parse(Reply(ask.command, "h", code, stdout, stderr))  # type: ignore[attr-defined]
        except JidoError as error:
            assert str(error)


@quick
@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map("".join)))
def test_any_text_is_read(text: str) -> None:
    pairs(text)
    table(text)
    number(text)
    seconds(text)
    instant(text)
    exit_of(text)
    state_of(text, text)
    base_id(text)
    nodes.gpus(text)
    nodes.tres_gpus(text)
    nodes.state(text)
    folds(text, 5)


@quick
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_words_are_written_on_one_line_or_refused(name: str, partition: str, folder: str) -> None:
    spec = JobSpec(name, ("true",), Resources(partition=partition))
    try:
        lines = ENGINE.directives(spec, Placement("/" + folder, "job.sh", "r.log", PLACE.token))
    except InputError as error:
        assert error.hint
        return
    assert all(line.startswith("#SBATCH --") for line in lines)
    assert not any(char in line for line in lines for char in "\n\r\0")
