"""The exit codes of jido in a word each, as the manual page and the reference have them."""

from __future__ import annotations

from jido.words import mark

EXIT_CODES = (
    (0, mark("it went well; for run, logs -f and wait: the job ended well")),
    (1, mark("something else went wrong")),
    (2, mark("an option or a value cannot be understood")),
    (3, mark("jido.toml, the clusters file or a map file is wrong")),
    (4, mark("no cluster, run or job goes by that name")),
    (5, mark("it cannot run there as asked, or the scheduler refused it; check: something certainly goes wrong")),
    (6, mark("the machine could not be reached, wants a login, or the connection was lost")),
    (7, mark("no scheduler there, or it does not answer")),
    (8, mark("a command failed there, or a disk is full")),
    (9, mark("a twin could not be brought up or taken down")),
    (10, mark("the job did not end well")),
    (11, mark("what became of a job is not known")),
    (12, mark("doctor: something hinders there; check --strict: warnings; where: it fits, but not now")),
    (130, mark("Ctrl-C")),
)
