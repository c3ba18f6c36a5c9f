"""The exit codes of jido in a word each, as the manual page and the reference have them."""

from __future__ import annotations

EXIT_CODES = (
    (0, "it went well; for run, logs -f and wait: the job ended well"),
    (1, "something else went wrong"),
    (2, "an option or a value cannot be understood"),
    (3, "jido.toml, the clusters file or a map file is wrong"),
    (4, "no cluster, run or job goes by that name"),
    (5, "it cannot run there as asked, or the scheduler refused it; check: something certainly goes wrong"),
    (6, "the machine could not be reached, wants a login, or the connection was lost"),
    (7, "no scheduler there, or it does not answer"),
    (8, "a command failed there, or a disk is full"),
    (9, "a twin could not be brought up or taken down"),
    (10, "the job did not end well"),
    (11, "what became of a job is not known"),
    (12, "doctor: something hinders there; check --strict: warnings; where: it fits, but not now"),
    (130, "Ctrl-C"),
)
