"""Raw JSON to settings: good keys are kept, bad ones reported by path, nothing raises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stet.settings import Settings, default_paths, parse, schema

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_nothing_is_all_defaults() -> None:
    assert parse(None) == (Settings(), [])
    assert parse({}) == (Settings(), [])
    assert parse({"stet": {}}) == (Settings(), [])


def test_bad_keys_are_reported_by_path_and_good_ones_kept() -> None:
    settings, problems = parse(
        {"capture": {"settleSeconds": -1, "capSeconds": 5}, "engine": {"threads": "x"}, "bogus": 1}
    )
    assert settings.capture.cap_seconds == 5
    assert settings.capture.settle_seconds == Settings().capture.settle_seconds
    assert sorted(problem.path for problem in problems) == [
        "stet.bogus",
        "stet.capture.settleSeconds",
        "stet.engine.threads",
    ]
    assert "there is no such setting" in str(next(p for p in problems if p.path == "stet.bogus"))


def test_snake_case_is_not_a_wire_name() -> None:
    settings, problems = parse({"capture": {"settle_seconds": 3}})
    assert settings == Settings()
    assert [problem.path for problem in problems] == ["stet.capture.settle_seconds"]


@given(JSON)
def test_any_json_gives_settings(raw: object) -> None:
    settings, _ = parse(raw)
    assert isinstance(settings, Settings)


@given(st.sampled_from(["engine", "capture", "learning", "model"]), JSON)
def test_any_section_gives_settings(section: str, raw: object) -> None:
    settings, problems = parse({section: raw, "enabled": False})
    assert settings.enabled is False
    assert all(problem.path.startswith(f"stet.{section}") for problem in problems)


def test_every_setting_has_a_sentence() -> None:
    for definition in schema()["$defs"].values():
        for name, field in definition["properties"].items():
            assert field.get("description", "").endswith("."), name


def test_the_environment_moves_the_folders() -> None:
    paths = default_paths({"STET_DATA_DIR": "/d", "STET_MODELS_DIR": "/m"})
    assert (str(paths.store), str(paths.models)) == ("/d/stet.db", "/m")
