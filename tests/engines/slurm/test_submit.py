"""Handing a job over: what is written, and what sbatch's answers mean."""

import pytest
from recordings import RECORDED, said

from jido.engines.base import Placement
from jido.engines.slurm import Slurm
from jido.errors import InputError, SchedulerDown
from jido.model.chain import Before
from jido.model.job import JobSpec, Resources
from jido.testing.engines import TOKEN, Said

ENGINE = Slurm()
PLACE = Placement(folder="/data/me/project/runs/r1", script="job.sh", log="../../logs/r1.log", token=TOKEN)


def spec(**resources: object) -> JobSpec:
    return JobSpec(name="train", argv=("true",), resources=Resources(**resources))  # type: ignore[arg-type]


def lines(place: Placement = PLACE, **resources: object) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in ENGINE.directives(spec(**resources), place)]


class TestDirectives:
    def test_a_plain_job(self) -> None:
        assert lines() == [
            "--job-name=train",
            f"--comment={TOKEN}",
            "--output=../../logs/r1.log",
            "--error=../../logs/r1.log",
            "--open-mode=append",
            "--nodes=1",
            "--ntasks-per-node=1",
        ]

    def test_everything_asked_for_is_said(self) -> None:
        found = lines(
            cpus=4, gpus=2, gpu_model="rtx3090", memory=29 * 1024**3 + 1, time=3601, nodes=2, tasks=3,
            partition="batch_ugrad", account="ugrad", qos="gpu1", constraint="[a100&nvme|v100*2]",
            extra=("--exclude=g[1-3]", "-H"),
        )  # fmt: skip
        for line in (
            "--cpus-per-task=4", "--gres=gpu:rtx3090:2", "--mem=29697M", "--time=01:01:00", "--nodes=2",
            "--ntasks-per-node=3", "--partition=batch_ugrad", "--account=ugrad", "--qos=gpu1",
            "--constraint=[a100&nvme|v100*2]", "--exclude=g[1-3]", "-H",
        ):  # fmt: skip
            assert line in found

    def test_shares_per_gpu(self) -> None:
        found = lines(gpus=4, cpus_per_gpu=8, memory_per_gpu=29 * 1024**3)
        assert {"--gres=gpu:4", "--cpus-per-gpu=8", "--mem-per-gpu=29696M"} <= set(found)

    def test_days_are_written_as_slurm_reads_them(self) -> None:
        assert "--time=6-00:00:00" in lines(time=6 * 86400)

    def test_what_it_waits_for_stands_on_the_command_line_since_it_may_change_until_it_is_handed_over(self) -> None:
        from msgspec.structs import replace

        after = (Before("12"), Before("13_4", "any"), Before("14,15"), Before("16", "notok"))
        place = replace(PLACE, after=after)
        argv = Slurm().submit(JobSpec("train", ("true",)), place).command.argv
        assert "--dependency=afterok:12:14:15,afterany:13_4,afternotok:16" in argv
        assert "--kill-on-invalid-dep=yes" in argv
        assert not any("depend" in line for line in lines(place))

    def test_what_the_user_says_of_dependencies_does_not_go_with_it(self) -> None:
        from msgspec.structs import replace

        place, own = replace(PLACE, after=(Before("12"),)), Resources(extra=("--dependency=singleton",))
        with pytest.raises(InputError, match="does not go with --after"):
            Slurm().submit(JobSpec("train", ("true",), own), place)
        assert Slurm().submit(JobSpec("train", ("true",), own), PLACE)

    def test_of_several_arrays_one_bad_end_cannot_be_waited_for(self) -> None:
        follows = Slurm().follows
        assert all(follows(one).can for one in (Before("1,2"), Before("1,2", "any"), Before("1", "notok")))
        assert "several job arrays" in follows(Before("1,2", "notok")).why_not

    @pytest.mark.parametrize(
        ("folder", "log"),
        [
            ("/data/a b/$(x) 'q\"/한글\nline", "../../logs/r1.log"),
            # Until 23.02 the folder's own % and backslash are expanded in a relative path, and the job dies.
            ("/data/100%j", "/data/100%%j/../../logs/r1.log"),
            ("/data/back\\slash", '"/data/back\\\\\\\\slash/../../logs/r1.log"'),
            ("/data/a b%j", '"/data/a b%%j/../../logs/r1.log"'),
        ],
    )
    def test_the_log_is_found_in_any_folder(self, folder: str, log: str) -> None:
        from msgspec.structs import replace

        assert f"--output={log}" in lines(replace(PLACE, folder=folder))

    @pytest.mark.parametrize("folder", ["/data/a%b\\c", "/data/a%b\nc", "/data/a\\b\nc"])
    def test_a_folder_that_slurm_cannot_write_is_refused(self, folder: str) -> None:
        from msgspec.structs import replace

        with pytest.raises(InputError) as caught:
            lines(replace(PLACE, folder=folder))
        assert caught.value.hint

    def test_words_with_spaces_quotes_and_hashes_are_held_together(self) -> None:
        assert '--account="a \\"b\\" # c\\\\"' in lines(account='a "b" # c\\')

    @pytest.mark.parametrize("value", ["", "a\nb", "a\rb", "\x00", "\x1b[31m"])
    def test_what_cannot_be_written_is_refused(self, value: str) -> None:
        with pytest.raises(InputError):
            lines(partition=value)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"memory": 1, "memory_per_gpu": 1, "gpus": 1},
            {"memory_per_gpu": 1},
            {"cpus_per_gpu": 1},
            {"cpus_per_gpu": 1, "cpus": 1, "gpus": 1},
            {"gpu_model": "a100"},
            {"gpu_model": "a:1,gpu", "gpus": 1},
            {"gpus": -1},
            {"nodes": 0},
            {"time": 0},
        ],
    )
    def test_contradictions_are_refused_with_a_way_out(self, wrong: dict[str, object]) -> None:
        with pytest.raises(InputError) as caught:
            lines(**wrong)
        assert caught.value.hint

    @pytest.mark.parametrize(
        "option",
        ["--comment=x", "--wrap=x", "-o x", "--output=x", "--array=1-3", "--chdir=/", "--hold --wrap=x", "a", "-x\n"],
    )
    def test_options_that_break_what_jido_relies_on_are_refused(self, option: str) -> None:
        with pytest.raises(InputError):
            lines(extra=(option,))


class TestTheCommand:
    def test_it_is_sbatch_in_the_run_folder(self) -> None:
        command = ENGINE.submit(spec(), PLACE).command
        assert command.argv[-3:] == ("sbatch", "--parsable", "job.sh")
        assert command.cwd == PLACE.folder

    def test_the_users_variables_do_not_outrank_what_the_job_says(self) -> None:
        with_, without = (ENGINE.submit(spec(**r), PLACE).command.argv for r in ({"partition": "a"}, {}))
        assert "SBATCH_PARTITION" in with_
        assert "SBATCH_PARTITION" not in without
        assert "SBATCH_WAIT" in without

    def test_a_script_that_looks_like_an_option_is_a_script(self) -> None:
        from msgspec.structs import replace

        assert ENGINE.submit(spec(), replace(PLACE, script="-rf")).command.argv[-1] == "./-rf"


class TestAnswers:
    @pytest.mark.parametrize("version", RECORDED)
    @pytest.mark.parametrize(
        ("case", "words"),
        [
            ("no such partition", "partitions"),
            ("too long", "--time"),
            ("too much memory", "memory"),
            ("too many cpus", "CPUs"),
            ("no such gpu", "jido gpus"),
            ("unknown option", "extra"),
            ("no script", "jido df"),
        ],
    )
    def test_a_refusal_has_the_hint_that_helps(self, version: str, case: str, words: str) -> None:
        ask = ENGINE.submit(spec(), PLACE)
        assert words in ask.parse(said(version, "submit")[case].to(ask.command)).hint

    def test_slurms_own_words_are_kept(self) -> None:
        ask = ENGINE.submit(spec(), PLACE)
        outcome = ask.parse(said("22.05.8", "submit")["too much memory"].to(ask.command))
        assert outcome.refused.splitlines()[0] == "Memory specification can not be satisfied"
        assert "sbatch:" not in outcome.refused

    def test_a_sites_own_rule_is_a_refusal_in_its_words(self) -> None:
        ask = ENGINE.submit(spec(), PLACE)
        words = "sbatch: error: Please ask for at most 1 GPU.\n" + (
            "sbatch: error: Batch job submission failed: Unspecified error\n"
        )
        assert ask.parse(Said(1, "", words).to(ask.command)).refused.startswith("Please ask for at most 1 GPU.")

    @pytest.mark.parametrize(
        "words",
        [
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            "sbatch: error: Munge encode failed: Failed to access socket\n"
            "sbatch: error: Batch job submission failed: Protocol authentication error",
            "sbatch: fatal: Could not establish a configuration source",
        ],
    )
    def test_a_request_that_never_left_is_certainly_not_submitted(self, words: str) -> None:
        ask = ENGINE.submit(spec(), PLACE)
        with pytest.raises(SchedulerDown) as caught:
            ask.parse(Said(1, "", words).to(ask.command))
        assert caught.value.transient

    def test_an_id_with_an_error_is_ambiguous(self) -> None:
        ask = ENGINE.submit(spec(), PLACE)
        assert ask.parse(Said(1, "12\n", "sbatch: error: something").to(ask.command)).ambiguous


class TestTheDryRun:
    @pytest.mark.parametrize("version", RECORDED)
    def test_it_says_when_and_where(self, version: str) -> None:
        ask = ENGINE.estimate(spec(), PLACE)
        verdict = ask.parse(said(version, "estimate")["would start"].to(ask.command))
        assert verdict.accepted is True
        assert verdict.starts
        assert verdict.nodes == "aurora-g4"

    @pytest.mark.parametrize("version", RECORDED)
    def test_a_no_is_a_no(self, version: str) -> None:
        ask = ENGINE.estimate(spec(), PLACE)
        for case in ("too many gpus", "no such partition"):
            verdict = ask.parse(said(version, "estimate")[case].to(ask.command))
            assert verdict.accepted is False
            assert verdict.hint

    def test_a_controller_that_is_down_says_neither(self) -> None:
        ask = ENGINE.estimate(spec(), PLACE)
        assert ask.parse(said("22.05.8", "estimate")["controller down"].to(ask.command)).accepted is None

    def test_nothing_need_be_on_the_cluster_yet(self) -> None:
        command = ENGINE.estimate(spec(), PLACE).command
        assert command.cwd is None
        assert f"#SBATCH --comment={TOKEN}\n".encode() in command.stdin


def test_a_job_may_be_bound_to_one_node() -> None:
    assert "--nodelist=aurora-g1" in lines(node="aurora-g1")
    for node, nodes in (("g[1-2]", 1), ("g1,g2", 1), ("", 1), ("g1", 2)):
        with pytest.raises(InputError):
            lines(node=node, nodes=nodes)
