"""Submit descriptions as HTCondor reads them: each flaw is held against the real condor_submit where it is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido.check.rules import RULES
from jido.engines.htcondor import HTCondor
from jido.engines.htcondor.values import WORDS
from jido.errors import InputError
from jido.model.batch import WORD, Script
from jido.testing.replies import HOSTILE

TREE = Path.home() / ".cache/jido/trees/htcondor"
E = "executable = /bin/true\n"

# The dry run ends with an error: the text, and the line of the flaw that says so.
REFUSED = {
    "no equals sign": (E + "request_cpus 4\nqueue\n", 2),
    "a word": (E + "hello\nqueue\n", 2),
    "a word behind the queue": (E + "queue\nhello there\n", 3),
    "no queue": (E + "request_cpus = 1\n", 2),
    "an empty file": ("", 1),
    "no executable": ("request_cpus = 1\nqueue\n", 2),
    "an empty executable": ("executable =\nqueue\n", 2),
    "an executable too late": ("queue\nexecutable = /bin/true\n", 1),
    "an invisible mark": ("\ufeff" + E + "queue\n", 1),
    "a NUL": (E + "arguments = a\0b\nqueue\n", 2),
    "a number with a letter": (E + "request_cpus = 4x\nqueue\n", 2),
    "a comment behind a number": (E + "request_cpus = 2 # two\nqueue\n", 2),
    "a comment behind a size": (E + "request_memory = 2G # two\nqueue\n", 2),
    "GiB": (E + "request_memory = 4GiB\nqueue\n", 2),
    "a comma": (E + "request_memory = 4,096\nqueue\n", 2),
    "no such unit": (E + "request_disk = 3X\nqueue\n", 2),
    "hours": (E + "allowed_job_duration = 1h\nqueue\n", 2),
    "a clock": (E + "allowed_execute_duration = 1:00:00\nqueue\n", 2),
    "two equals signs": (E + "request_cpus == 4\nqueue\n", 2),
    "an open bracket": (E + 'requirements = (Machine == "a"\nqueue\n', 2),
    "half an expression": (E + "request_gpus = 1\nrequire_gpus = Capability >=\nqueue\n", 3),
    "an account with a blank": (E + "accounting_group = a b\nqueue\n", 2),
    "a name with a blank": (E + "request cpus = 4\nqueue\n", 2),
    "a name with a dash": (E + "request-cpus = 4\nqueue\n", 2),
    "a Korean name": (E + "가 = 4\nqueue\n", 2),
    "a colon": (E + "request_cpus : 4\nqueue\n", 2),
    "no name": (E + "= 4\nqueue\n", 2),
    "queue with an equals sign": (E + "queue = 3\n", 2),
    "queue of a word": (E + "queue abc\n", 2),
    "queue of two numbers": (E + "queue 1 2\n", 2),
    "queue over nothing": (E + "queue x in\n", 2),
    "queue with a slip": (E + "queue x form list.txt\n", 2),
    "queue without an end": (E + "queue x from (\na\nb\n", 2),
    "queue with a comment": (E + "queue 2 # two\n", 2),
    "a swallowed queue": (E + "arguments = a \\\nqueue\n", 3),
    "a condition too many": (E + "n = 1\nif $(n) == 1\nrequest_cpus = 4\nendif\nqueue\n", 3),
    "no condition": (E + "if\nrequest_cpus = 4\nendif\nqueue\n", 2),
    "endif alone": (E + "endif\nqueue\n", 2),
    "else alone": (E + "else\nqueue\n", 2),
    "else twice": (E + "if false\nelse\nelse\nendif\nqueue\n", 4),
    "queue within if": (E + "if true\nqueue\nendif\n", 4),
    "if without an end": (E + "if false\nrequest_cpus = 4\nqueue\n", 4),
    "error": (E + "error : no good\nqueue\n", 2),
    "an open text": (E + "x @=end\na\nqueue\n", 2),
    "include without a colon": (E + "include inc.txt\nqueue\n", 2),
    "a shell script": ("#!/bin/bash\n#SBATCH -p gpu\nset -e\npython train.py\n", 3),
}  # fmt: skip

# The dry run takes it, and the job is not what was meant: with what condor_submit says, or the ad holds.
TAKEN = {
    "behind the last queue": (E + "queue\nrequest_cpus = 4\n", 3, "'request_cpus = 4' was unused"),
    "a slip": (E + "request_cpu = 4\nqueue\n", 2, "did you mean request_cpus?"),
    "a slip that is a resource": (E + "request_memry = 4\nqueue\n", 2, "Requestmemry=4"),
    "a word for a number": (E + "request_cpus = four\nqueue\n", 2, "RequestCpus=four"),
    "a text for a number": (E + 'request_memory = "4G"\nqueue\n', 2, 'RequestMemory="4G"'),
    "below 0": (E + "request_gpus = -1\nqueue\n", 2, "RequestGPUs=-1"),
    "else if": (E + "if false\nelse if false\nrequest_cpus = 4\nendif\nqueue\n", 3, "RequestCpus=4"),
    "no job": ("queue 0\n", 1, "no jobs queued"),
}

# Nothing is wrong: jobs, CPUs and MiB of the first.
RIGHT = {
    "one": (E + "request_cpus = 2\nqueue\n", 1, 2, None),
    "other letters": ("EXECUTABLE = /bin/true\nRequest_CPUs = 3\nQUEUE 2\n", 2, 3, None),
    "Windows": ((E + "request_cpus = 2\nrequest_memory = 2 GB\nqueue 2\n").replace("\n", "\r\n"), 2, 2, 2048),
    "comments": ("#!/bin/bash\n#SBATCH -c 9\n  # hi \\\n" + E + "request_cpus = 2\nqueue\n", 1, 2, None),
    "continued": (E + "request_cpus = \\\n  2\nqueue\n", 1, 2, None),
    "said twice": (E + "request_cpus = 2\nREQUEST_CPUS = 3\nqueue\n", 1, 3, None),
    "in itself": (E + "x = 2\nx = $(x)0\nrequest_cpus = $(x)\nqueue\n", 1, 20, None),
    "said later": (E + "request_cpus = $(n)\nn = 7\nqueue\n", 1, 7, None),
    "unless it is said": (E + "request_cpus = $(n:3)\nqueue\n", 1, 3, None),
    "names in names": (E + "b1 = 7\nn = 1\nrequest_cpus = $(b$(n))\nqueue\n", 1, 7, None),
    "kilobytes": (E + "request_memory = 2048K\nqueue\n", 1, None, 2),
    "terabytes": (E + "request_memory = 1T\nqueue\n", 1, None, 1048576),
    "a fraction": (E + "request_memory = 1.5 gb\nqueue\n", 1, None, 1536),
    "an attribute of its own": (E + "request_cpus = 2\n+RequestCpus = 3\nqueue\n", 1, 3, None),
    "both spellings": (E + "request_cpus = 1\nRequestCpus = 3\narguments = $(RequestCpus)\nqueue\n", 1, 1, None),
    "true": (E + "if true\nrequest_cpus = 4\nelse\nrequest_cpus = 2\nendif\nqueue\n", 1, 4, None),
    "elif": (E + "if 0\nelif yes\nrequest_cpus = 4\nendif\nqueue\n", 1, 4, None),
    "a bad value that another takes the place of": (E + "request_cpus = 4x\nrequest_cpus = 5\nqueue\n", 1, 5, None),
    "not read": (E + "if false\nhello there\nqueue a b\nendif\nrequest_cpus = 1\nqueue\n", 1, 1, None),
    "within": (E + "if true\nif false\nrequest_cpus = 4\nelse\nrequest_cpus = 5\nendif\nendif\nqueue\n", 1, 5, None),
    "defined": (E + "n = 1\nif defined n\nrequest_cpus = 4\nendif\nqueue\n", 1, 4, None),
    "a sum": (E + "queue 1+2\n", 3, None, None),
    "a list": (E + "arguments = $(x)\nqueue x in (a, b c)\n", 3, None, None),
    "twice a list": (E + "arguments = $(x)\nqueue 2 x in a b c\n", 6, None, None),
    "lines": (E + "arguments = $(x) $(y)\nqueue x,y from (\n# no\n a 1\n b, 2\n)\n", 2, None, None),
    "of each": (E + "request_cpus = $(c)\nqueue c in (1 2)\n", 2, None, None),
    "two queues": (E + "request_cpus = 1\nqueue\nrequest_cpus = 3\nqueue 2\n", 3, 1, None),
    "an expression": (E + "request_memory = max({1, x})\nrequest_cpus = 2 * 2\nqueue\n", 1, None, None),
    "a long text": (E + "arguments @=end\na\nb\n@end\nqueue\n", 1, None, None),
}  # fmt: skip


def read(text: str) -> Script:
    return HTCondor().read_script(text, None)


class Pool:
    """The real condor_submit, in the tree that `scripts/setup dev` makes; it asks nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "condor_config").write_text(
            "CONDOR_HOST = 127.0.0.1\nRELEASE_DIR = /usr\nLOCAL_DIR = /tmp\nLOG = /tmp\nSPOOL = /tmp\n"
            "NETWORK_INTERFACE = 127.0.0.1\nNO_DNS = True\nDEFAULT_DOMAIN_NAME = example.edu\n"
        )

    def dry_run(self, text: str) -> tuple[int, str]:
        (self.folder / "t.sub").write_bytes(text.encode())
        ads = self.folder / "ads"
        ads.unlink(missing_ok=True)
        argv = ("bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-net", "--die-with-parent",
                "--ro-bind", str(TREE), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
                "--bind", str(self.folder), "/mnt", "--chdir", "/mnt", "--setenv", "CONDOR_CONFIG",
                "/mnt/condor_config", "condor_submit", "-dry-run", "/mnt/ads", "t.sub")  # fmt: skip
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
        said = (done.stdout + done.stderr).decode(errors="replace")
        return done.returncode, said + (ads.read_text(errors="replace") if ads.exists() else "")


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    if not (TREE / "usr/bin/condor_submit").exists():
        pytest.skip("there is no tree of HTCondor; scripts/setup dev makes it")
    if not shutil.which("bwrap"):
        pytest.skip("bwrap is not installed")
    made = Pool(tmp_path)
    code, said = made.dry_run(E + "queue\n")
    if "bwrap:" in said:
        pytest.skip(f"namespaces are closed here: {said.strip()}")
    assert code == 0, said
    return made


@pytest.mark.parametrize("name", REFUSED)
def test_what_condor_submit_refuses_is_an_error_at_its_line(name: str) -> None:
    text, line = REFUSED[name]
    assert line in [flaw.span.line for flaw in read(text).flaws if flaw.certain], read(text).flaws


@pytest.mark.parametrize("name", TAKEN)
def test_what_condor_submit_takes_otherwise_than_meant_is_told(name: str) -> None:
    text, line, _ = TAKEN[name]
    flaws = read(text).flaws
    assert [flaw.span.line for flaw in flaws] == [line]
    assert flaws[0].kind == "unread" or not flaws[0].certain


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_has_no_flaw_and_is_read_as_it_is_meant(name: str) -> None:
    text, _, cpus, memory = RIGHT[name]
    found = read(text)
    assert found.flaws == ()
    assert found.resources.cpus == cpus
    assert found.resources.memory == (memory and memory * 2**20)


def test_the_real_condor_submit_refuses_and_takes_what_these_examples_say(pool: Pool) -> None:
    wrong = []
    for name, (text, _) in REFUSED.items():
        code, said = pool.dry_run(text)
        if code != 1 or "ERROR" not in said:
            wrong.append((name, code, said))
    for name, (text, _, words) in TAKEN.items():
        code, said = pool.dry_run(text)
        if code != 0 or words not in said:
            wrong.append((name, code, said))
    for name, (text, jobs, cpus, memory) in RIGHT.items():
        code, said = pool.dry_run(text)
        # The first of each name is the first job's; later ones tell what is otherwise.
        ads = dict(reversed(re.findall(r"^(RequestCpus|RequestMemory)=(\d+)$", said, re.MULTILINE)))
        if (
            code != 0
            or f"{jobs} job(s) dry-run" not in said
            or (cpus and ads.get("RequestCpus") != str(cpus))
            or (memory and ads.get("RequestMemory") != str(memory))
        ):
            wrong.append((name, code, said))
    assert wrong == []


def test_what_stands_in_another_file_or_comes_with_the_submission_is_not_known() -> None:
    assert read("include : site.txt\nrequest_cpus = 2\nqueue\n").flaws == ()
    assert read(E + "request_cpus = 2\ninclude : site.txt\nqueue\n").resources.cpus is None
    assert read(E + "include : site.txt\nrequest_cpus = 2\nqueue\n").resources.cpus == 2
    assert read(E + "request_cpus = $(n)\nqueue\n").resources.cpus is None
    assert read(E + "request_cpus = 1\nif defined n\nrequest_cpus = 2\nendif\nqueue\n").resources.cpus is None


def test_names_that_lead_back_to_themselves_are_told() -> None:
    # condor_submit 23.9.6 does not come to an end with it.
    (flaw,) = read(E + "a = $(b)\nb = $(a)\nrequest_cpus = $(a)\nqueue\n").flaws
    assert flaw.span.line == 4
    assert "does not come to an end" in flaw.what


def test_resources_are_those_of_the_names() -> None:
    text = (
        E + 'request_gpus = 2\nrequire_gpus = DeviceName == "a6000"\naccounting_group = lab.vision\n'
        'requirements = Machine == "g1.example.edu"\nallowed_job_duration = 7200\n'
        "allowed_execute_duration = 3600\nqueue\n"
    )
    found = read(text)
    want = found.resources
    assert (want.gpus, want.gpu_model, want.account, want.time) == (2, "a6000", "lab.vision", 3600)
    assert want.constraint == 'Machine == "g1.example.edu"'
    assert found.says("time").name == "allowed_execute_duration"


@pytest.mark.parametrize(
    ("lines", "folder", "fresh", "literal", "shared"),
    [
        ("output = logs/a.out", "logs", False, "", True),
        ("output = logs/$(Process).out", "logs", False, "", False),
        ("output = logs/$(x).out", "logs", False, "", False),
        ("output = $(d)/a.$(Process)\nd = 로그", "로그", False, "", False),
        ("output = /data/x/a.$(ProcId)\ninitialdir = runs", "/data/x", False, "", False),
        ("output = a.$(ProcId)\ninitialdir = runs", "runs", False, "", False),
        ("output = a.$(ProcId)\ninitialdir = run$(Process)", None, False, "", False),
        ("output = run$(Process)/a", None, False, "", False),
        ("output = run$(Cluster)/a$(Process)", None, True, "", False),
        ("output = $HOME/a.$(Process)", "$HOME", False, "$HOME", False),
        ("output = ~/a.$(Process)", "~", False, "~", False),
        ("output = $ENV(HOME)/a.$(Process)", None, False, "", False),
    ],
)
def test_an_outputs_folder_is_told_as_far_as_it_is_known(
    lines: str, folder: str | None, fresh: bool, literal: str, shared: bool
) -> None:
    (one,) = read(f"{E}{lines}\nqueue 3\n").outputs
    assert (one.folder, one.fresh, one.literal, one.shared_by_tasks) == (folder, fresh, literal, shared)
    if literal:
        assert one.instead == "$ENV(HOME)/a.$(Process)"


def test_one_log_of_events_is_for_all_jobs() -> None:
    (one,) = read(E + "log = all.log\nqueue 10\n").outputs
    assert not one.shared_by_tasks


def test_only_a_description_tells_that_it_is_one() -> None:
    engine = HTCondor()
    for text in (E + "queue\n", E + "request_cpus = 2\n", "#!/usr/bin/env condor_submit\n" + E + "queue\n"):
        assert (engine.read_script(text, None).telling or 0) > 1
    for text in (
        "#!/bin/bash\n#SBATCH -p x\noutput=a\nerror=b\nlog=c\npython x.py\n",
        "#!/bin/bash\n#PBS -q x\nexecutable=./a\nqueue\n$executable\n",
        "#!/bin/sh\nlog=x\n",
        "python train.py\n",
        "",
    ):
        assert engine.read_script(text, None).telling == 0


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_makes_a_second_line(value: str) -> None:
    for name in ("account", "output", "request_memory"):
        try:
            line = HTCondor().write_option(name, value)
        except InputError:
            continue
        assert "\n" not in line
    with pytest.raises(InputError):
        HTCondor().write_option("a b", "1")


def test_every_word_that_is_said_otherwise_stands_in_a_rule() -> None:
    said = " ".join(text for rule in RULES for text in (rule.why, rule.fix))
    words = set(WORD.findall(said)) | {text for rule in RULES for text in (rule.why, rule.fix)}
    # What the sentences of findings are made of stands in the rules' code.
    assert {word for word in WORDS if " " in word} <= words


_PIECES = st.sampled_from(
    ["queue", "queue x in (", ")", "if", "if true", "elif", "else", "endif", "include :", "executable = a", "$(a)",
     "a = $(b)", "b = $(a)", "x @=e", "@e", "\\", "#", "=", "request_cpus", "request_memory = 9", "+A = (", "from (",
     "matching", "output = $", "\r", "\0", "\ufeff", "지도", "\n", "\n", " ", "1", "G"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=80), *(st.lists(_PIECES, max_size=25).map(by.join) for by in ("", "\n"))))
def test_whatever_the_text_a_script_comes_out_within_its_lines(text: str) -> None:
    found = read(text)
    count = text.count("\n") + 1
    for span in [*(one.span for one in found.options), *(one.span for one in found.flaws)]:
        assert 1 <= span.line <= (span.last or span.line) <= count
        assert span.column >= 1
    assert 1 <= found.top <= count + 1


def test_names_that_grow_and_circle_take_no_time() -> None:
    begun = time.process_time()
    read(E + "".join(f"v{n} = $(v{n + 1})$(v{n + 1})\n" for n in range(60)) + "output = $(v0)\nqueue\n")
    read(E + "".join(f"v{n} = $(v{(n + 1) % 3000})\n" for n in range(3000)) + "output = $(v0)\n" + "queue\n" * 3000)
    read("x = $(x)$(x)\n" * 50 + "(" * 20000 + "\nqueue 1" + "+1" * 5000 + "x\n" + "$(a" * 5000)
    # It takes a fifth of a second; what grew would take hours.
    assert time.process_time() - begun < 20
