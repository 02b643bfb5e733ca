from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.errors import InvalidRequest
from webui.core.request import MAX_SEED, PARAMETERS, GenerationRequest
from webui.core.validation import Names, complete

NAMES = Names(checkpoints=("starter", "other"), vaes=("a-vae",))


def problems(**values):
    with pytest.raises(InvalidRequest) as caught:
        complete(values, NAMES)
    return {problem.field: problem for problem in caught.value.problems}


def test_an_empty_form_is_a_request():
    request = complete({}, NAMES, draw=lambda: 7)
    assert request == GenerationRequest(seed=7, checkpoint="starter")


@pytest.mark.parametrize("seed", [-1, None, "", "-1"])
def test_a_random_seed_is_resolved(seed):
    assert complete({"seed": seed}, NAMES, draw=lambda: 5).seed == 5


def test_a_variation_seed_is_drawn_only_where_it_counts():
    assert complete({"variation_seed": -1}, NAMES, draw=lambda: 5).variation_seed == 0
    varied = {"variation_strength": 0.1}
    assert complete(varied, NAMES, draw=lambda: 5).variation_seed == 5
    assert complete({**varied, "variation_seed": 3}, NAMES, draw=lambda: 5).variation_seed == 3


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        ("width", 100_000, "error.range_whole"),
        ("width", 0, "error.range_whole"),
        ("width", 513, "error.multiple"),
        ("height", math.nan, "error.range_whole"),
        ("height", "512px", "error.range_whole"),
        ("steps", 10**6, "error.range_whole"),
        ("steps", 1.5, "error.range_whole"),
        ("steps", None, "error.number_missing"),
        ("cfg_scale", "", "error.number_missing"),
        ("cfg_scale", math.inf, "error.range"),
        ("cfg_scale", math.nan, "error.range"),
        ("cfg_scale", "seven", "error.range"),
        ("seed", 2**64, "error.seed"),
        ("seed", -2, "error.seed"),
        ("seed", "abc", "error.seed"),
        pytest.param("seed", 10**5000, "error.seed", id="seed-huge"),
        ("batch_size", 9, "error.range_whole"),
        ("batch_count", 0, "error.range_whole"),
        ("eta", 1.5, "error.range"),
        ("noise_source", "dice", "error.choice"),
        ("sampler", "Eular", "error.unknown_name"),
        ("schedule", "nope", "error.unknown_name"),
        ("checkpoint", "../../etc/passwd", "error.unknown_name"),
        ("vae", "x", "error.unknown_name"),
        pytest.param("prompt", "x" * 5_000_000, "error.too_long", id="prompt-5MB"),
        pytest.param("prompt", "(" * 10_000, "error.depth", id="prompt-nested"),
        pytest.param("prompt", " AND ".join(map(str, range(1001))), "error.parts", id="parts"),
        ("prompt", "a\0b", "error.nul"),
        ("prompt", "a\ud800b", "error.surrogate"),
        ("prompt", 5, "error.text"),
        ("colour", "red", "error.unknown_field"),
    ],
)
def test_bad_input_names_its_field(field, value, key):
    found = problems(**{field: value})
    assert found.keys() == {field}
    assert found[field].key == key
    assert all(len(str(shown)) <= 300 for shown in found[field].values.values())


def test_all_faulty_fields_are_named_at_once():
    assert problems(width=1, steps=0, sampler="?", prompt="\0").keys() == {
        "width",
        "steps",
        "sampler",
        "prompt",
    }


def test_a_near_name_is_offered():
    assert problems(sampler="Eular")["sampler"].values["near"] == "Euler"


def test_without_models_the_message_says_so():
    with pytest.raises(InvalidRequest) as caught:
        complete({}, Names())
    assert caught.value.message.key == "error.no_models"


@pytest.mark.parametrize(
    ("written", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("k_euler_a", "Euler a", "Automatic"),
        ("euler a", "Euler a", "Automatic"),
    ],
)
def test_names_that_people_write(written, sampler, schedule):
    request = complete({"sampler": written}, NAMES)
    assert (request.sampler, request.schedule) == (sampler, schedule)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from([*PARAMETERS, "other"]),
        st.none()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.booleans()
        | st.lists(st.integers(), max_size=3),
        max_size=5,
    )
)
def test_anything_is_a_request_or_a_message(values):
    try:
        seed = complete(values, NAMES).seed
    except InvalidRequest:
        return
    assert 0 <= seed <= MAX_SEED


def test_limits_of_a_schedule_the_wrong_way_round_are_refused():
    with pytest.raises(InvalidRequest) as caught:
        complete({"sigma_min": 5, "sigma_max": 5}, NAMES)
    assert [(p.field, p.key) for p in caught.value.problems] == [
        ("sigma_min", "error.sigma_limits")
    ]
    assert complete({"sigma_min": 5}, NAMES).sigma_min == 5
