"""From what the looks bring to the map: known with its look, absent, or unknown with its reason; never a guess."""

from __future__ import annotations

import pytest
from sites import BUSYBOX, DEAD_NFS, LATE, LUSTRE, df, mapped, said

from jido.model.bundle import MISSING, Finding
from jido.model.document import map_from_json, map_from_yaml, map_to_yaml, to_json
from jido.model.facts import Fact
from jido.model.map import Bytes, Map, Seconds, Volume
from jido.model.quota import Quota, Usage


def volume(map_: Map, path: str) -> Volume:
    return next(volume for volume in map_.storage.volumes if volume.path == path)


def test_the_login_node_tells_who_i_am_and_what_it_is() -> None:
    login = mapped(LUSTRE).instance.login[0]
    assert login.name == "login1.cluster.example"
    assert (login.user.value, login.uid.value) == ("u50123", 50123)
    assert login.groups.value == ("domain users", "ai-lab", "외부 협력")
    assert (login.os.value, login.arch.value) == ("Rocky Linux 8.8 (Green Obsidian)", "x86_64")
    assert (login.cpus.value, login.memory.value) == (128, 527977468 * 1024)
    assert login.home == Fact(value="/users/u50123", by="home")


def test_a_failed_look_is_unknown_and_says_how_to_settle_it() -> None:
    gpus = mapped(LUSTRE).instance.login[0].gpus
    assert gpus.state == "unknown"
    assert "couldn't communicate" in gpus.why
    assert gpus.settle.startswith("nvidia-smi")


def test_a_look_that_found_nothing_is_absent() -> None:
    assert mapped({}).instance.login[0].gpus.state == "absent"
    assert mapped({"gpus": said("No devices were found\n", 6)}).instance.login[0].gpus.state == "absent"


def test_a_look_that_did_not_end_is_unknown() -> None:
    cpus = mapped({"cpus": LATE}).instance.login[0].cpus
    assert (cpus.state, cpus.why, cpus.settle) == ("unknown", "no answer within 5 s", "nproc --all")


def test_every_fact_names_a_look_that_the_map_lists() -> None:
    map_ = mapped(LUSTRE)
    facts = [fact for row in map_.storage.volumes for fact in _facts(row)] + _facts(map_.instance.login[0])
    for fact in facts:
        assert fact.state == "unknown" or fact.by in map_.looks, fact
        assert fact.state != "unknown" or fact.why


def _facts(row: object) -> list[Fact[object]]:
    return [value for value in (getattr(row, field) for field in row.__struct_fields__) if isinstance(value, Fact)]  # type: ignore[attr-defined]


def test_home_is_where_my_home_lies() -> None:
    home = volume(mapped(LUSTRE), "/users")
    assert (home.tier.value, home.mine.value, home.fs.value) == ("home", "/users/u50123", "nfs4")
    assert home.source.value == "nas1:/export/users"


def test_home_mounted_one_by_one_is_still_met_at_home() -> None:
    site = LUSTRE | {
        "home": said("/home/u1\0/home/u1\0/bin/bash\0"),
        "df/home": said(df("/home", "autofs", 0, 0, 0, 0, "/home", "/home/u1")),
        "df-home": said(df("/home/u1", "nfs4", 100, 50, 0, 0, "/home/u1", "/home/u1")),
        "df-mounts": said(df("/home/u2", "nfs4", 100, 50, 0, 0, "/home/u2")),
    }
    home = volume(mapped(site), "/home")
    assert (home.tier.value, home.size.value, home.mount.value) == ("home", 100, "/home/u1")
    assert "/home/u2" not in [row.path for row in mapped(site).storage.volumes]


def test_a_sites_variable_tells_the_tier_and_my_folder() -> None:
    lustre = volume(mapped(LUSTRE), "/lustre")
    assert lustre.tier == Fact(value="scratch", by="environment")
    assert lustre.mine.value == "/lustre/scratch/u50123"
    assert "$SCRATCH" in lustre.note


def test_a_mount_at_an_unusual_place_is_found_by_the_table() -> None:
    ceph = volume(mapped(LUSTRE), "/mnt/shared data")
    assert (ceph.fs.value, ceph.tier.value, ceph.mine.value) == ("ceph", "work", "/mnt/shared data/u50123")
    assert ceph.source.value == "10.2.2.2:6789:/"
    assert ceph.inodes.state == "absent"


def test_sharing_is_never_concluded_from_the_kind() -> None:
    for row in mapped(LUSTRE).storage.volumes:
        assert row.shared.state == "unknown"
        assert row.shared.settle == "jido probe site --compute"


def test_free_space_lives_in_now_and_not_among_the_lasting_facts() -> None:
    map_ = mapped(LUSTRE)
    assert map_.now.free["/lustre"] == 4 * 10**14
    assert map_.now.free_inodes["/users"] == 10**7
    assert "/mnt/shared data" not in map_.now.free_inodes


def test_a_dead_mount_is_unknown_and_the_others_are_not() -> None:
    map_ = mapped(DEAD_NFS)
    data = volume(map_, "/data")
    assert data.size.state == data.mine.state == "unknown"
    assert "dead" in data.size.why
    assert (data.fs.value, data.source.value, data.tier.value) == ("nfs4", "dead:/export/data", "work")
    assert "/data" not in map_.now.free
    assert volume(map_, "/users").size.value == 10**13
    assert volume(map_, "/mnt/other").size.value == 10**12


def test_usual_paths_that_are_not_there_are_told() -> None:
    missing = mapped(LUSTRE).storage.missing
    assert "/scratch" in missing
    assert "/lustre" not in missing
    assert "/data" not in mapped(DEAD_NFS).storage.missing


def test_a_df_without_output_option_is_read_too() -> None:
    map_ = mapped(BUSYBOX)
    home = volume(map_, "/home")
    assert (home.size.value, map_.now.free["/home"]) == (2000 * 1024, 1500 * 1024)
    assert home.source.value == "//server/My Share"
    assert home.inodes.state == home.fs.state == "unknown"
    assert map_.instance.login[0].name == "login1"


def test_the_environment_brings_hints_and_versions() -> None:
    instance = mapped(LUSTRE).instance
    assert instance.environment.value is not None
    assert instance.environment.value["SCRATCH"] == "/lustre/scratch/u50123"
    assert instance.software.value == {
        "apptainer": "1.2.5-1.el8",
        "module": "/opt/lmod/8.7",
        "python3": "3.6.8",
        "rsync": "/usr/bin/rsync",
    }


@pytest.mark.parametrize(
    "secret",
    [
        "DATA_API_KEY=sk-123",
        "WORK_TOKEN=abc",
        "HOME_PASSWORD=abc",
        "SCRATCH_SECRET=abc",
        "DATABASE_URL=postgres://me:pw@db/x",
        "PROJECT=https://user:pw@git.example/x",
        "STORAGE_CREDENTIALS=/x",
    ],
)
def test_a_secret_that_slipped_through_is_not_kept(secret: str) -> None:
    site = {"environment": said(f"\x1ebegin\0\x1eenv\0HOME=/h\0{secret}\0\x1etools\x1eend")}
    assert mapped(site).instance.environment.value == {"HOME": "/h"}


def test_the_plain_shell_answers_where_the_login_shell_broke_off() -> None:
    site = {
        "environment": said(
            "\x1ebegin\0\x1eenv\0HOME=/broken\0motd\x1ebegin\0\x1eenv\0HOME=/good\0\x1etool\0tar\0/bin/tar\n\x1etools\x1eend"
        )
    }
    assert mapped(site).instance.environment.value == {"HOME": "/good"}
    assert mapped(site).instance.software.value == {"tar": "/bin/tar"}


def test_the_type_is_concluded_from_evidence() -> None:
    kind = mapped(LUSTRE).type
    assert kind.value.value == ("hpc",)
    assert any("Lustre" in line for line in kind.evidence)
    assert any("infiniband mlx5_0/1 200 Gb/sec" in line for line in kind.evidence)


def test_an_installed_client_is_evidence_and_no_type() -> None:
    site = {"environment": said("\x1ebegin\0\x1eenv\0\x1etool\0kubectl\0/bin/kubectl\n\x1etools\x1eend")}
    kind = mapped(site).type
    assert kind.value.state == "unknown"
    assert any("kubectl" in line for line in kind.evidence)


def test_without_any_scheduler_the_engine_is_absent_and_with_a_failed_look_unknown() -> None:
    assert mapped(LUSTRE).scheduling.engine.state == "absent"
    unasked = mapped(LUSTRE | {"slurm/where": LATE}).scheduling.engine
    assert (unasked.state, unasked.by) == ("unknown", "slurm/where")
    assert mapped(LUSTRE | {"pbs/version": LATE}).scheduling.engine.by == "pbs/version"


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (LATE, "did not answer in time"),
        (said("qstat: illegal option -- -\n", 2), "illegal option"),
        (said("", 1), "code 1"),
        (said("SGE 8.1.9\n"), "SGE 8.1.9"),
        (said("qstat: error while loading shared libraries: libtorque.so.2\n", MISSING), "libtorque"),
    ],
)
def test_a_qstat_that_tells_no_version_leaves_open_whether_pbs_is_there(look: Finding, why: str) -> None:
    engine = mapped(LUSTRE | {"pbs/version": look}).scheduling.engine
    assert (engine.state, engine.by, engine.settle) == ("unknown", "pbs/version", "qstat --version")
    assert why in engine.why


def test_an_engine_that_a_person_named_is_taken() -> None:
    assert mapped(LUSTRE, told="process").scheduling.engine == Fact(value="process", by="told")


def test_networks_carry_their_speed() -> None:
    lines = mapped(LUSTRE).instance.interconnect.value
    assert lines is not None
    assert lines[0] == "infiniband mlx5_0/1 200 Gb/sec (4X HDR) (active)"
    assert "ethernet eno1 25 Gb/s" in lines
    assert not any("eno2" in line for line in lines)


@pytest.mark.parametrize("site", [LUSTRE, DEAD_NFS, BUSYBOX, {}])
def test_a_map_survives_its_documents(site: dict[str, Finding]) -> None:
    map_ = mapped(site)
    assert map_from_json(to_json(map_)) == map_
    assert map_from_yaml(map_to_yaml(map_)) == map_


def test_my_limits_are_lasting_facts_and_my_use_is_of_the_moment() -> None:
    map_ = mapped(LUSTRE)
    lustre = volume(map_, "/lustre")
    assert lustre.quota.by == "quota/lustre"
    assert lustre.quota.value == Quota("user", "", Bytes(900_000_000 << 10), Bytes(1_000_000_000 << 10))
    assert map_.now.used["/lustre"] == Usage(Bytes(950_000_000 << 10), 41000, Seconds((6 * 24 + 23) * 3600))
    later = mapped(LUSTRE | {"quota/lustre": said(LUSTRE["quota/lustre"].text.replace("41000", "41001"))})
    assert later.now.used["/lustre"].files == 41001
    assert later.storage == map_.storage


def test_a_quota_that_nobody_tells_is_unknown_in_the_servers_words_and_none_is_absent() -> None:
    map_ = mapped(LUSTRE)
    home = volume(map_, "/users").quota
    assert home.state == "unknown"
    assert "Connection refused" in home.why
    assert home.settle == "quota -w -p -v -f /users"
    assert volume(map_, "/mnt/shared data").quota.state == "absent"
    assert map_.now.used["/mnt/shared data"].bytes == 7000


def test_a_session_that_no_login_began_has_no_shell_and_that_is_known() -> None:
    [host] = mapped({"home": said("/root\0/\0\0")}).instance.login
    assert (host.shell.state, host.home.value, host.folder.value) == ("absent", "/root", "/")
    [host] = mapped({"home": said("broken")}).instance.login
    assert (host.shell.state, host.home.state) == ("unknown", "known")


def test_what_would_prove_that_nodes_share_a_volume_is_a_command_that_can_be_typed() -> None:
    shared = {row.path: row.shared for row in mapped(LUSTRE, name="새벽").storage.volumes}
    assert {fact.settle for fact in shared.values() if fact.settle} == {"jido probe 새벽 --compute"}
    assert shared["/lustre"].settle
