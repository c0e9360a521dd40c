"""The command line's room for the rule pack: list, show, lint, test, new."""

from typing import Annotated

import typer

from pveforensics.errors import UsageError

EXIT_FAILED = 1

rules_app = typer.Typer(
    help="The rule pack: see it, check it, run the examples that every rule carries.", rich_markup_mode=None, no_args_is_help=True
)

Folders = Annotated[
    list[str] | None, typer.Argument(metavar="[DIR]...", help="Look at these packs alone, with the shipped words.", show_default=False)
]
MorePacks = Annotated[
    list[str] | None, typer.Option("--rules", metavar="DIR", help="One more rule pack beside the shipped one (repeatable).")
]


@rules_app.command("list")
def rules_list(folders: Folders = None, rules: MorePacks = None) -> None:
    """List finding rules, questions, benign lines and signatures, one a line."""
    from pveforensics.rulepack import load_pack

    pack = load_pack([*(rules or ()), *(folders or ())], examples=False).of(folders or ())
    rows = [f"rule       {rule.id:34} {rule.class_:24} {rule.title}" for rule in pack.rules]
    rows += [f"question   {question.id:34} {len(question.hypotheses)} hypotheses" for question in pack.questions]
    rows += [f"benign     {benign.id:34} {benign.text}" for benign in pack.benign]
    rows += [f"signature  {signature.id:34} {signature.kind:34} {signature.says}" for signature in pack.signatures]
    typer.echo("\n".join(rows) if rows else "nothing")


@rules_app.command("show")
def rules_show(identity: Annotated[str, typer.Argument(metavar="ID", show_default=False)], rules: MorePacks = None) -> None:
    """Print the text of one rule or signature with the place where it stands."""
    from pveforensics.review import source_text

    typer.echo(source_text(identity, rules or ()))


@rules_app.command("lint")
def rules_lint(folders: Folders = None, rules: MorePacks = None) -> None:
    """Check a rule pack: samples, examples, names, words, cautions, steps and signatures that nothing can reach. Exit 1 if something is wrong."""
    from pveforensics.review import lint_pack

    problems = lint_pack(folders or (), rules or ())
    for problem in problems:
        typer.echo(str(problem))
    typer.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    raise typer.Exit(EXIT_FAILED if problems else 0)


@rules_app.command("test")
def rules_test(
    folders: Folders = None,
    rules: MorePacks = None,
    why: Annotated[
        str | None, typer.Option(metavar="ID", help="Tell which steps of this rule held, and what was in the way of the others.")
    ] = None,
    example: Annotated[str | None, typer.Option(metavar="NAME", help="With --why: this example; default all of the rule's.")] = None,
    bundle: Annotated[list[str] | None, typer.Option(metavar="PATH", help="With --why: this bundle (repeatable).")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="NAME", help="With --bundle: as of analyze.")] = None,
    year: Annotated[int | None, typer.Option(metavar="N", min=1990, max=2200, help="With --bundle: as of analyze.")] = None,
) -> None:
    """Run every sample and example through the real pipeline. Exit 1 if one fails."""
    from pveforensics.rulepack import load_pack
    from pveforensics.selftest import run_examples

    if why is None and (example or bundle or timezone or year):
        raise UsageError("--example, --bundle, --timezone and --year go with --why ID")
    if example and bundle:
        raise UsageError("--why ID: expected --example NAME or --bundle PATH, not both")
    pack = load_pack([*(rules or ()), *(folders or ())])
    if why is not None:
        from pveforensics.explain import why as reasons
        from pveforensics.model import Options

        for line in reasons(why, pack, example=example or "", bundles=bundle or (), options=Options(timezone=timezone, year=year)):
            typer.echo(line)
        return
    results = run_examples(pack, mine=pack.of(folders or ()))
    failed = [result for result in results if not result.ok]
    for result in failed:
        typer.echo(f"FAILED {result.rule}: {result.name}: {result.message}")
    typer.echo(f"{len(results) - len(failed)} of {len(results)} examples hold")
    raise typer.Exit(EXIT_FAILED if failed else 0)


@rules_app.command("new")
def rules_new(
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="The rule's name: lower-case letters, digits, hyphens.", show_default=False)
    ],
    class_: Annotated[str, typer.Option("--class", metavar="CLASS", help="The class of its findings.")] = "misconfiguration",
    to: Annotated[str, typer.Option("--to", metavar="DIR", help="The pack's folder; made if it is not there.")] = "rules",
    event: Annotated[str, typer.Option(metavar="KIND", help="The event that its first step looks for.")] = "corosync_quorum_lost",
) -> None:
    """Write the skeleton of a finding rule: it loads, and `rules lint` says what is still missing."""
    from pveforensics.rulepack import load_pack
    from pveforensics.skeleton import write_skeleton

    path = write_skeleton(identity, class_, to, event, load_pack())
    typer.echo(f"{path}\nnext: pveforensics rules lint {to}; pveforensics rules test {to}; pveforensics rules test {to} --why {identity}")
