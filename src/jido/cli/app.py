"""The command tree: names and one-line helps here, the commands themselves imported when called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from jido.cli import draw, spoken
from jido.errors import JidoError, nearest
from jido.words import known, tr

# name: (module under jido.cli.commands, attribute, one-line help). Order is the order of `jido --help`.
SECTIONS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Clusters": {
        "add": ("clusters", "add", "name a cluster"),
        "ls": ("clusters", "list_", "the clusters that have a name"),
        "rm": ("clusters", "remove", "forget a cluster's name and maps"),
        "login": ("login", "login", "open the shared connection once: password, one-time code, key"),
        "logout": ("login", "logout", "close the shared connection"),
        "probe": ("probe", "probe", "map a cluster, asking its login node everything in one go"),
        "show": ("show", "show", "the map under its four viewpoints: type, instance, scheduling, storage"),
        "df": ("df", "df", "every volume: how full it is, my quota, and what fills mine"),
        "home": ("home", "home", "what fills my home folder there; --move moves it to the work volume"),
        "gpus": ("gpus", "gpus", "GPUs by kind and partition: in all, free, and usable now by you"),
        "where": ("gpus", "where", "ranked places for a job with GPUs, over all your clusters"),
        "compare": ("compare", "compare", "two clusters side by side, and what that means for a job"),
        "explain": ("explain", "explain", "a cluster, a path on it or a word, in plain Korean or English"),
        "doctor": ("doctor", "doctor", "what is wrong there now, your jobs first"),
        "dash": ("dash", "dash", "a page of your clusters and runs in the browser, live"),
        "note": ("note", "note", "tell what no command tells: backups, purges, rules of the house"),
    },
    "Projects": {
        "init": ("init", "init", "lay a project out, here and there"),
        "push": ("push", "push", "carry the code there, changed files only"),
        "pull": ("pull", "pull", "bring results and logs home"),
        "data": ("data", "data", "datasets: register, list, stage to nodes' own disks, forget"),
        "code": ("code", "code", "open the project's folder there in VS Code, over Remote-SSH"),
        "env": ("env", "env", "environments on a cluster: list them, remove what nobody needs"),
        "guide": ("guide", "guide", "what assistants are told of the clusters: AGENTS.md, Cursor's rules"),
        "mcp": ("mcp", "mcp", "tools for assistants over the Model Context Protocol, read-only unless allowed"),
    },
    "Jobs": {
        "check": ("check", "check", "what a script or job would stumble over, before it is queued"),
        "run": ("run", "run", "push, submit and follow a command"),
        "submit": ("run", "submit", "push and submit a command, and come back at once"),
        "sweep": ("sweep", "sweep", "push and submit many tasks: a command with a grid or table of parameters"),
        "ps": ("ps", "ps", "my runs and how they stand"),
        "why": ("why", "why", "why a job waits, when it starts, what would help; or why it ended"),
        "story": ("ps", "story", "all that happened to a run, with times and evidence"),
        "logs": ("logs", "logs", "a run's output; -f follows it"),
        "wait": ("logs", "wait", "wait for runs to end"),
        "tasks": ("tasks", "tasks", "the tasks of a sweep: parameters, state, exit, time and figures"),
        "retry": ("tasks", "retry", "run again what failed, with the same code"),
        "cancel": ("cancel", "cancel", "end runs"),
        "shell": ("hands", "shell", "a shell, or one command, on a compute node"),
        "tunnel": ("hands", "tunnel", "lead a port of this machine to a run's node"),
        "notebook": ("hands", "notebook", "Jupyter on a compute node, opened through a tunnel"),
        "tag": ("tag", "tag", "give runs tags to find them by"),
    },
    "Twins": {
        "twin": ("twin", "twin", "a running replica of a mapped cluster on this machine"),
        "tour": ("tour", "tour", "learn by doing: eight short missions on a twin, in Korean or English"),
    },
    "More": {
        "completion": ("completion", "completion", "what makes Tab know jido, in bash, zsh and fish"),
        "man": ("man", "man", "the manual page, made from the commands"),
        "schema": ("schema", "schema", "the JSON Schemas of jido's documents"),
    },
}
COMMANDS = {name: row for section in SECTIONS.values() for name, row in section.items()}


class Tree(click.Group):
    """The root group; a command's module is imported when the command is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command in its section's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        command = getattr(import_module(f"jido.cli.commands.{row[0]}"), row[1])
        assert isinstance(command, click.Command)
        return spoken.command(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest name for one that does not exist."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(
                tr("no command is called '{name}'; {nearest}", name=args[0], nearest=nearest(args[0], COMMANDS)), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Sections with the one-line helps of the table, importing nothing."""
        for title, rows in SECTIONS.items():
            with formatter.section(known(title)):
                formatter.write_dl([(name, known(row[2])) for name, row in rows.items()], col_max=12)


@click.group(
    cls=Tree,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: jido add NAME USER@HOST, or try it on this machine: jido twin up aurora, jido tour",
)
@click.version_option(package_name="jido", message="jido %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="With an error, show host, argv, code and output.")
@click.option(
    "--lang",
    metavar="ko|en",
    expose_value=False,
    help="The language of all that is said; else JIDO_LANG, else the locale's.",
)
@click.pass_context
def root(ctx: click.Context, verbose: bool) -> None:
    """Map a compute cluster, lay your project out on it, run jobs there and bring the results home."""
    ctx.ensure_object(dict)["verbose"] = verbose


def run(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code; every jido error is drawn, none is a traceback."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        # Text that is not UTF-8 (a hostile file name, a log) is shown escaped instead of ending the command.
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        spoken.choose(argv)
        tree = spoken.command(root)
        code = tree.main(args=argv, prog_name="jido", standalone_mode=False, obj={"json": spoken.for_programs(argv)})
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        draw.say("")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except JidoError as error:
        draw.error(error, verbose="-v" in argv or "--verbose" in argv, as_json=spoken.for_programs(argv))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `jido ps | head`: the reader has what it wanted.
        sys.stderr.close()
        sys.exit(0)
