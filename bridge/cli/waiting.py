"""What was done and what waits: `bridge delivery`, `attempt`, `hold` and `dead`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import click

from bridge.cli.parts import COMMAND_LINE, as_json, at, show, with_tables
from bridge.core.model import HoldKind
from bridge.desk import Desk, Value, attempts, dead, deliveries, holds
from bridge.desk.decisions import decide

HELD_SIDE = "-"  # in place of a field: all of that side


class Time(click.ParamType[datetime]):
    """A time, UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> datetime:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write it like 2026-11-21T09:00", param, context)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


class Done(Value):
    """How many there were."""

    count: int


connection_option = click.option("--connection", default="", help="Only of this connection.")
link_option = click.option("--link", default="", help="Only of this link.")
outcome_option = click.option("--outcome", default="", help="Only where the outcome begins so, such as `dead`.")
since_option = click.option("--since", type=Time(), help="Since this time, such as 2026-11-21T09:00 (UTC).")
until_option = click.option("--until", type=Time(), help="Before this time.")
limit_option = click.option("--limit", "n", default=20, show_default=True, help="At most so many.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def _desk(context: click.Context, connection: str = "") -> Desk:
    desk = with_tables(context).desk
    if connection:
        desk.known(connection)
    return desk


def _agreed(count: int, what: str, yes: bool, as_json: bool) -> None:
    """Ask before many things are done, unless told not to."""
    if count > 1 and not yes and not as_json:
        click.confirm(f"{count} {what}. Go on?", abort=True)


def _counting(what: str) -> Callable[[int], None]:
    return lambda n: click.echo(f"\r{n} {what}", nl=False, err=True)


# deliveries


@click.group()
def delivery() -> None:
    """Look at the webhooks that came in, and handle them again."""


@delivery.command("list")
@connection_option
@link_option
@click.option("--state", type=click.Choice(get_args(deliveries.State)), help="Only in this state.")
@outcome_option
@since_option
@until_option
@limit_option
@as_json
@click.pass_context
def list_deliveries(context: click.Context, /, n: int, as_json: bool, **which: Any) -> None:
    """Show the latest deliveries and what came of them."""
    desk = _desk(context, which["connection"])
    found = deliveries.page(desk, deliveries.Which(**which), n=n).items
    lines = [f"{at(d.at)}  {d.id}  {d.connection:<15} {d.outcome or d.state}" for d in found]
    show(found, lines or ["there is none"], as_json)


@delivery.command("show")
@click.argument("delivery")
@as_json
@click.pass_context
def show_delivery(context: click.Context, delivery: str, as_json: bool) -> None:
    """Tell of one delivery and all that it led to. Its body is never shown."""
    show(found := deliveries.one(_desk(context), delivery), _delivery_lines(found), as_json)


def _delivery_lines(d: deliveries.Told) -> Iterator[str]:
    yield f"{at(d.at)}  {d.connection}: {d.method}, {d.content_type or 'no type'}, {d.size} bytes"
    yield f"{d.state}: {d.outcome}" if d.outcome else d.state
    if d.link:
        yield f"it came with another, in link {d.link}"
    for a in d.attempts:
        yield f"  {at(a.at)}  {_attempt_words(a)}"
    for w in d.writes:
        yield f"  {at(w.at)}  write {w.id} to {w.connection}: {', '.join(w.fields)}: {w.state} {w.detail}".rstrip()


@delivery.command("replay")
@click.argument("delivery", required=False)
@connection_option
@link_option
@outcome_option
@since_option
@until_option
@yes_option
@as_json
@click.pass_context
def replay_deliveries(context: click.Context, /, delivery: str | None, yes: bool, as_json: bool, **which: Any) -> None:
    """
    Handle one DELIVERY again, or all that the options choose.

    It is always safe: what is already level stays as it is.
    """
    if bool(delivery) == any(which.values()):
        raise click.UsageError("name a DELIVERY, or choose some with the options")
    desk = _desk(context, which["connection"])
    if delivery:
        deliveries.replay(desk, COMMAND_LINE, delivery)
        show(Done(count=1), [f"{delivery} is handled again"], as_json)
        return
    chosen = deliveries.Which(**which)
    _agreed(deliveries.count(desk, chosen), "deliveries are handled again", yes, as_json)
    count = deliveries.replay_many(desk, COMMAND_LINE, chosen, _counting("deliveries"))
    show(Done(count=count), [f"\r{count} deliveries are handled again"], as_json)


# attempts


@click.group()
def attempt() -> None:
    """Look at what the bridge has tried."""


@attempt.command("list")
@connection_option
@link_option
@outcome_option
@since_option
@limit_option
@as_json
@click.pass_context
def list_attempts(context: click.Context, /, n: int, as_json: bool, **which: Any) -> None:
    """Show the latest attempts."""
    desk = _desk(context, which["connection"])
    found = attempts.page(desk, attempts.Which(**which), n=n).items
    lines = [f"{at(a.at)}  link {a.link}  {_attempt_words(a)}" for a in found]
    show(found, lines or ["there is none"], as_json)


def _attempt_words(a: attempts.Attempt) -> str:
    why = f" ({a.reason}: {a.detail})" if a.detail else f" ({a.reason})" if a.reason else ""
    return f"{a.connection}: {a.outcome}{why}, {a.ms} ms"


# holds


@click.group()
def hold() -> None:
    """See what waits for you, and cure it."""


@hold.command("list")
@connection_option
@click.option("--field", default="", help="Only of this field.")
@click.option("--kind", type=click.Choice([k for k in get_args(HoldKind) if k]), help="Only of this kind.")
@link_option
@limit_option
@as_json
@click.pass_context
def list_holds(context: click.Context, /, n: int, as_json: bool, **which: Any) -> None:
    """Show what waits, the oldest first, each with its cure. Ends with 1 while anything does."""
    desk = _desk(context, which["connection"])
    found = holds.page(desk, holds.Which(**which | {"kind": which["kind"] or ""}), n=n)
    show(found.items, _hold_lines(found.items, more=found.next is not None), as_json)
    if found.items:
        sys.exit(1)


def _hold_lines(found: Any, *, more: bool) -> Iterator[str]:
    for h in found:
        yield f"{at(h.since)}  {h.deal or h.link}, {h.field or 'all fields'} at {h.connection}: {h.reason}"
        for s in h.cure.sides:
            yield f"    {s.connection} shows {s.native!r}"
        yield f"    {h.cure.says}: bridge hold cure {h.link} {h.connection} {h.field or HELD_SIDE}{_needs(h.cure)}"
    if more:
        yield "and more: --limit shows them"
    elif not found:
        yield "nothing waits for you"


def _needs(cure: holds.Cure) -> str:
    if cure.action == "add_choice":
        return f" <{'native' if cure.canonical else 'canonical'} value>"
    return " <connection>" if cure.action == "decide" else ""


@hold.command("cure")
@click.argument("link")
@click.argument("connection")
@click.argument("field")
@click.argument("value", default="")
@as_json
@click.pass_context
def cure(context: click.Context, link: str, connection: str, field: str, value: str, as_json: bool) -> None:
    """
    Do what cures a hold, as `bridge hold list` shows it; the deal goes on by itself.

    VALUE is what is missing: the CRM's value or its meaning for a choice; for a conflict the connection whose value
    stands. FIELD is `-` where all of a side is held.
    """
    done = holds.cure(_desk(context), COMMAND_LINE, link, connection, "" if field == HELD_SIDE else field, value)
    show(done, [done.says], as_json)


@hold.command("decide")
@click.argument("link")
@click.argument("field")
@click.argument("connection")
@as_json
@click.pass_context
def decide_command(context: click.Context, link: str, field: str, connection: str, as_json: bool) -> None:
    """Say whose value stands where sides disagree: that of CONNECTION; the others follow."""
    stood = decide(_desk(context), COMMAND_LINE, link, field, connection)
    show(stood, [f"{stood.native!r} of {stood.connection} stands; the others follow"], as_json)


# dead letters


@click.group("dead")
def dead_group() -> None:
    """See what was given up, and try it again or let it be."""


reason_option = click.option("--reason", default="", help="Only where the reason begins so.")


@dead_group.command("list")
@connection_option
@link_option
@reason_option
@since_option
@until_option
@limit_option
@as_json
@click.pass_context
def list_dead(context: click.Context, /, n: int, as_json: bool, **which: Any) -> None:
    """Show the dead letters, newest first. Ends with 1 while there are any."""
    desk = _desk(context, which["connection"])
    found = dead.page(desk, dead.Which(**which), n=n).items
    lines = [f"{at(d.at)}  {d.id}  {d.connection:<15} {d.kind}: {d.reason}" for d in found]
    show(found, lines or ["there is none"], as_json)
    if found:
        sys.exit(1)


@dead_group.command("show")
@click.argument("letter")
@as_json
@click.pass_context
def show_dead(context: click.Context, letter: str, as_json: bool) -> None:
    """Tell of one dead letter: what was to be written, and what the CRM answered."""
    show(found := dead.one(_desk(context), letter), _letter_lines(found), as_json)


def _letter_lines(d: dead.Told) -> Iterator[str]:
    where = f", link {d.link}" if d.link else ""
    yield f"{at(d.at)}  {d.kind} {d.id} at {d.connection}{where}: {d.state}"
    yield f"  {d.reason}"
    for w in d.wanted:
        yield f"  {w.field} was to become {w.native!r}"
    if d.answer is not None:
        yield f"  {d.answer.method} {d.answer.path}"
        yield f"  HTTP {d.answer.status}: {d.answer.body}"


@dead_group.command("replay")
@click.argument("letter", required=False)
@connection_option
@link_option
@reason_option
@since_option
@until_option
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@yes_option
@as_json
@click.pass_context
def replay_dead(
    context: click.Context, /, letter: str | None, everything: bool, yes: bool, as_json: bool, **which: Any
) -> None:
    """Try one dead LETTER again, or all that the options choose."""
    if bool(letter) + (everything or any(which.values())) != 1:
        raise click.UsageError("name a LETTER, or choose some with the options, or --all")
    desk = _desk(context, which["connection"])
    if letter:
        dead.replay(desk, COMMAND_LINE, letter)
        show(Done(count=1), [f"{letter} is tried again"], as_json)
        return
    chosen = dead.Which(**which)
    _agreed(dead.count(desk, chosen), "dead letters are tried again", yes, as_json)
    count = dead.replay_many(desk, COMMAND_LINE, chosen, _counting("dead letters"))
    show(Done(count=count), [f"\r{count} dead letters are tried again"], as_json)


@dead_group.command("discard")
@click.argument("letter")
@click.argument("reason")
@as_json
@click.pass_context
def discard(context: click.Context, letter: str, reason: str, as_json: bool) -> None:
    """Let a dead LETTER be, and say why: its values are not tried again there, and nothing is held for it."""
    dead.discard(_desk(context), COMMAND_LINE, letter, reason)
    show(Done(count=1), [f"{letter} is discarded"], as_json)
