"""People who mend links in the midst of everything: they take a side out, split it off, put it back, merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sim.acts import Act

if TYPE_CHECKING:
    from tests.sim.world import World


def mend(world: World, act: Act) -> None:
    """Do with a side what there is to do, as `act.n` says where there are several."""
    store, now, ref = world.store, world.loop.now, world.sides[act.side].ref
    mine, other = _link(world, act.side), _link(world, act.other)
    if mine is None and other is None:
        _has_joined(world, [act.side, act.other], store.link([ref, world.sides[act.other].ref], now))
        world.tell(f"a person links {act.side} and {act.other}")
    elif mine is None or other is None:
        out, link = (act.side, other) if mine is None else (act.other, mine)
        assert link is not None
        store.link([world.sides[out].ref], now, link=link)
        _has_joined(world, [out], link)
        world.tell(f"a person puts {out} back")
    elif mine != other:
        into, away = (mine, other) if act.n % 2 else (other, mine)
        moved = [r.connection for r in store.merge(into, away, now)]
        _has_joined(world, moved, into, away)
        world.tell(f"a person merges {', '.join(moved)} into the link of the others")
    elif act.n % 3:
        new = store.split(mine, [ref], now)
        _has_joined(world, [act.side], new, mine)
        world.tell(f"a person splits {act.side} off")
    else:
        store.unlink(ref, mine, now)
        _has_joined(world, [], mine)
        world.tell(f"a person takes {act.side} out")


def mend_all(world: World) -> None:
    """Bring all sides into one link again."""
    first, *others = sorted(world.sides)
    for name in others:
        if _link(world, first) is None or _link(world, first) != _link(world, name):
            mend(world, Act(0, "mend", first, n=1, other=name))


def _link(world: World, name: str) -> str | None:
    return world.store.find(name, world.sides[name].ref.vendor_id)


def _has_joined(world: World, names: list[str], *links: str) -> None:
    """Note who is newly linked, and that whoever worked on these links has lost the lease."""
    for name in names:
        world.joined[name].append(world.loop.now)
    for link in links:
        world.working.pop(link, None)
