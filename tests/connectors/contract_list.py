"""What an account's lists offer: just the natives that choices hold, in the words that people see."""

from __future__ import annotations

from bridge.connectors.lists import Listed
from bridge.core.fields import Choice, Party
from tests.connectors.bench import Bench

ADDRESS = "https://bridge.example.com/webhooks/x"


def listed(bench: Bench) -> dict[str, dict[str, str]]:
    """Return what is offered by field: label by native."""
    found: dict[str, dict[str, str]] = {}
    for one in bench.connector.lists().offered:
        assert isinstance(one, Listed) and one.native and one.label
        assert one.native not in found.setdefault(one.field, {}), "each value once"
        found[one.field][one.native] = one.label
    return found


class Listing:
    """`lists` and `steps` tell a person what is there and what to do."""

    def test_the_lists_hold_every_native_that_the_sample_choices_use(self, bench: Bench) -> None:
        offered = listed(bench)
        choices = {f.name for f in bench.connector.fields if isinstance(f, Choice) and not isinstance(f, Party)}
        assert offered.keys() <= choices
        for (name, native), canonical in bench.words.meaning.items():
            if name in choices:
                assert native in offered[name], f"{name} {canonical} is {native} there"

    def test_what_a_deal_shows_is_in_the_lists(self, bench: Bench) -> None:
        offered, record = listed(bench), bench.seen()
        for spec in bench.connector.fields:
            native = record.fields.get(spec.name)
            if isinstance(spec, Choice) and not isinstance(spec, Party) and native is not None:
                assert str(native) in offered[spec.name]

    def test_stages_are_told_with_their_pipeline(self, bench: Bench) -> None:
        offered = listed(bench)
        pipelines = offered.get("pipeline", {})
        for native, label in offered["stage"].items():
            pipeline, _, _ = native.rpartition("/")
            assert not pipeline or label.startswith(pipelines.get(pipeline, pipeline))

    def test_reading_the_lists_changes_nothing(self, bench: Bench) -> None:
        before = bench.stored()
        bench.connector.lists()
        assert bench.changed(before) == {}

    def test_the_custom_fields_of_the_settings_are_told(self, bench: Bench) -> None:
        lists = bench.connector.lists()
        told = {one.native for one in lists.customs}
        assert all(one.label and one.kind for one in lists.customs)
        mapped = set(bench.connector.account.custom.values())
        assert mapped <= told or any("custom fields" in remark for remark in lists.unread)

    def test_the_steps_name_the_address_and_the_variable_but_no_secret(self, bench: Bench) -> None:
        secret = bench.connector.hook_secret
        made = bench.connect(variables={secret: "A_HOOK_SECRET"})
        told = "\n".join(made.steps(ADDRESS))
        assert ADDRESS in told and "A_HOOK_SECRET" in told
        assert not any(value in told for value in made.account.secrets.values())
        assert secret in "\n".join(bench.connector.steps(ADDRESS))
