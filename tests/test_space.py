"""Search spaces: the laws over random spaces with conditional choices, and what bad input is told."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasjax.search.coarse_to_fine import still_open
from nasjax.search.problems import block_space, enumerate_archs
from nasjax.space import Choice, SearchSpace

STAGES = ("path", "operator", "channel")
LAWS = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def choices(draw, earlier: list[Choice]) -> Choice:
    """A choice of up to four options, perhaps decided in groups first, perhaps conditional on an earlier one."""
    options = tuple(f"{letter}{draw(st.integers(0, 9))}" for letter in "abcd"[: draw(st.integers(1, 4))])
    stage = draw(st.integers(0, 2))
    coarse = active = None
    if stage > 0 and draw(st.booleans()):
        cut = draw(st.integers(0, len(options)))
        groups = tuple(g for g in (options[:cut], options[cut:]) if g)
        coarse = (STAGES[draw(st.integers(0, stage - 1))], groups)
    if earlier and draw(st.booleans()):
        parent = draw(st.sampled_from(earlier))
        asked = draw(st.lists(st.sampled_from(parent.options), min_size=1, unique=True))
        active = (parent.name, tuple(asked))
    name = draw(st.sampled_from(("x", "y", "z"))) + draw(st.sampled_from(("", "."))) + str(len(earlier))
    return Choice(name, options, STAGES[stage], draw(st.integers(0, len(options) - 1)), active, coarse)


@st.composite
def recipes(draw) -> tuple[tuple[Choice, ...], tuple, list[float]]:
    """Up to five choices, masks for some of the spaces, and one number a choice that picks an option.

    The space is built by the test: annotation checks draw from `random`, which hypothesis forbids inside a strategy.
    """
    found: list[Choice] = []
    for _ in range(draw(st.integers(1, 5))):
        found.append(draw(choices(found)))
    masks = []
    for choice in found:
        kept = draw(st.sets(st.integers(0, len(choice.options) - 1), min_size=1))
        masks.append(tuple(o in kept for o in range(len(choice.options))))
    lots = [draw(st.floats(0, 1, exclude_max=True)) for _ in found]
    return tuple(found), tuple(masks) if draw(st.booleans()) else (), lots


def _space(recipe) -> SearchSpace:
    return SearchSpace("random", recipe[0], STAGES, recipe[1])


def _space_and_arch(recipe) -> tuple[SearchSpace, np.ndarray]:
    space = _space(recipe)
    options = [space.options(c.name) for c in space.choices]
    genes = [o[int(lot * len(o))] for o, lot in zip(options, recipe[2], strict=True)]
    return space, np.asarray(space.canonical(np.array(genes, np.int32)))


def _every(space: SearchSpace) -> np.ndarray:
    """All option vectors, canonical or not, allowed or not."""
    return np.array(list(itertools.product(*(range(len(c.options)) for c in space.choices))), np.int32)


@LAWS
@given(recipes())
def test_text_and_options_are_inverted(recipe):
    """`parse` inverts `text`, with and without checksum, and `encode` inverts `decode`."""
    space, arch = _space_and_arch(recipe)
    text = space.text(arch)
    assert space.parse(text).tolist() == arch.tolist()
    assert space.parse(text.partition("@")[0]).tolist() == arch.tolist()
    assert space.encode(space.decode(arch)).tolist() == arch.tolist()
    assert space.digest(arch) == text[-6:]
    assert len(text.split()) == 1, "an arch is one pasteable word"


@LAWS
@given(recipes())
def test_size_is_what_enumeration_counts(recipe):
    """`size` counts the canonical allowed archs: the distinct canonical forms of all allowed option vectors."""
    space = _space(recipe)
    every = _every(space)
    allowed = np.all([np.asarray(mask)[every[:, i]] for i, mask in enumerate(space.allowed)], 0)
    canonical = np.unique(space.canonical(every[allowed]), axis=0)
    assert space.size() == len(canonical)
    assert np.array_equal(np.unique(enumerate_archs(space), axis=0), canonical)


@LAWS
@given(recipes())
def test_contains_is_membership(recipe):
    """Of all option vectors, `contains` admits exactly the canonical allowed ones."""
    space = _space(recipe)
    every = _every(space)
    members = {tuple(arch) for arch in enumerate_archs(space).tolist()}
    assert space.contains(every).tolist() == [tuple(arch) in members for arch in every.tolist()]
    assert np.array_equal(space.canonical(space.canonical(every)), space.canonical(every))


@LAWS
@given(recipes())
def test_free_choices_are_those_that_vary(recipe):
    """A choice is free exactly when two archs, both with it active, take different options there."""
    space = _space(recipe)
    archs = enumerate_archs(space)
    active = space.active(archs)
    varies = [len(np.unique(archs[active[:, i], i])) > 1 for i in range(space.num_choices)]
    assert space.free == tuple(c.name for c, v in zip(space.choices, varies, strict=True) if v)
    assert np.array_equal(space.possible, active.any(0))


@LAWS
@given(recipes())
def test_json_round_trip(recipe):
    """A space comes back from JSON equal, with the same hash, so that compiled programs are shared."""
    space = _space(recipe)
    again = SearchSpace.from_json(space.to_json())
    assert again == space and hash(again) == hash(space)


@LAWS
@given(recipes())
def test_stages_reach_every_arch(recipe):
    """Deciding stage after stage, always for the option that leads there, ends at any given arch of the space."""
    space, target = _space_and_arch(recipe)
    arch = None
    for stage in STAGES:
        narrowed = space.at_stage(stage, arch)
        arch = _towards(narrowed, target)
        assert narrowed.contains(arch) and space.contains(arch)
        assert still_open(space, stage, arch).contains(target), stage
    assert arch.tolist() == target.tolist()
    assert space.at_stage(STAGES[-1], arch).contains(arch)
    assert still_open(space, STAGES[-1], arch).size() == 1


def _towards(space: SearchSpace, target: np.ndarray) -> np.ndarray:
    """The arch of a narrowed space that takes the target's options, or what represents them, where it can."""
    arch = space.default_arch()
    for i, choice in enumerate(space.choices):
        group = next((g for g in (choice.coarse or ("", ()))[1] if choice.options[target[i]] in g), ())
        allowed = space.options(choice.name)
        standing = [o for o in allowed if choice.options[o] in group]
        value = target[i] if target[i] in allowed else standing[0] if standing else allowed[0]
        arch[i] = value if space.active(arch)[i] else 0
    return np.asarray(space.canonical(arch))


@LAWS
@given(recipes())
def test_restriction_narrows(recipe):
    """Restricting a choice to one option keeps exactly the archs that take it or do not have that choice."""
    space = _space(recipe)
    choice = space.choices[-1]
    kept = choice.options[space.options(choice.name)[0]]
    archs = enumerate_archs(space)
    value, active = archs[:, -1], space.active(archs)[:, -1]
    expected = archs[~active | (value == choice.options.index(kept))]
    assert np.array_equal(enumerate_archs(space.restrict({choice.name: [kept]})), expected)


SPACE = block_space(2, ops=2, widths=3)


def test_text_form():
    """The text is readable: choices of a block together, nothing said about an absent block, a checksum at the end."""
    arch = SPACE.encode({"b0": "op1", "b0.w": "0", "b0.edge": "long", "b1": "off"})
    text = SPACE.text(arch)
    assert text.partition("@")[0] == "blocks:b0=op1.0.long,b1=off"
    assert arch.dtype == np.int32


def test_stage_narrowing_by_hand():
    """Path decides presence with the first operator standing in; then operators, then widths."""
    path = SPACE.at_stage("path")
    assert path.free == ("b0", "b0.edge", "b1", "b1.edge") and path.size() == 3**2
    decided = path.encode({"b0": "op0", "b0.edge": "long", "b1": "off"})
    assert SPACE.decode(decided) == {"b0": "op0", "b0.w": "2", "b0.edge": "long", "b1": "off"}
    operator = SPACE.at_stage("operator", decided)
    assert operator.free == ("b0",) and operator.size() == 2
    decided = operator.encode({"b0": "op1"})
    channel = SPACE.at_stage("channel", decided)
    assert channel.free == ("b0.w",)
    assert {SPACE.text(a).partition("@")[0] for a in enumerate_archs(channel)} == {
        f"blocks:b0=op1.{w}.long,b1=off" for w in range(3)
    }
    assert still_open(SPACE, "path", decided).size() == 2 * 3


def test_a_parent_free_in_its_stage_keeps_its_children_open():
    """A conditional choice of the same stage is searched although the arch so far does not have it."""
    operator = Choice("op", ("plain", "wide"), "operator")
    factor = Choice("op.factor", ("two", "four"), "operator", active=("op", ("wide",)))
    space = SearchSpace("s", (Choice("edge", ("no", "yes"), "path"), operator, factor), STAGES)
    decided = space.encode({"edge": "yes"})
    assert space.at_stage("operator", decided).free == ("op", "op.factor")


def test_defaults_respect_the_mask():
    """Options left out of `encode` take the default, or the first allowed option where the default is masked out."""
    space = SPACE.restrict({"b0.w": ["0", "1"]})
    assert space.decode(space.encode({"b0": "op0"}))["b0.w"] == "0"
    assert SPACE.decode(SPACE.encode({"b0": "op0"}))["b0.w"] == "2"
    assert space.contains(space.default_arch())


def test_active_is_the_same_traced():
    """The conditions, three levels deep, are the same program on numpy and on traced arrays."""
    options = ("no", "yes")
    chain = [Choice(f"c{i}", options, "path", active=(f"c{i - 1}", ("yes",)) if i else None) for i in range(4)]
    space = SearchSpace("chain", tuple(chain), STAGES)
    every = _every(space)
    active = space.active(every)
    assert active.tolist() == [[all(a[:i]) for i in range(4)] for a in every.astype(bool).tolist()]
    assert np.array_equal(jax.jit(space.active)(jnp.asarray(every)), active)


def test_equal_spaces_share_compiled_programs():
    """A space is a static argument of jitted functions: equal spaces hash alike, masks make them differ."""
    traces = []

    def trace(space, archs):
        traces.append(space)
        return space.canonical(archs)

    traced = jax.jit(trace, static_argnums=0)
    for space in (SPACE, block_space(2, ops=2, widths=3), SPACE.restrict({"b0": ["off"]})):
        traced(space, jnp.zeros((2, 6), jnp.int32))
    assert len(traces) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cells:b0=off,b1=off", "not of space 'blocks'"),
        ("blocks", "not of space 'blocks'"),
        ("blocks:b0=off,b1=off@000000", "checksum '000000' does not match"),
        ("blocks:b0=off", "says nothing about 'b1'; options: off, op0, op1"),
        ("blocks:b0=op7.0.short,b1=off", "unknown option of blocks.b0: 'op7'; known: off, op0, op1"),
        ("blocks:b0=op0.0,b1=off", "says nothing about 'b0.edge'"),
        ("blocks:b0=off.0.short,b1=off", "belongs to no choice that is active"),
        ("blocks:b0=off,b1=off,b2=off", "'b2': ['off']"),
        ("blocks:b0=off,b0=off", "'b0=off' is malformed or repeated"),
        ("blocks:b0,b1=off", "'b0' is malformed"),
        ("blocks:", "'' is malformed"),
    ],
)
def test_malformed_text(text, told):
    """A malformed arch is refused with the part that is wrong and what is allowed there."""
    with pytest.raises(ValueError) as error:
        SPACE.parse(text)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        ([0] * 5, r"an arch of blocks is 6 integers, got \[0, 0, 0, 0, 0\]"),
        ([3, 0, 0, 0, 0, 0], r"blocks.b0 has options 0..2, got 3"),
        ([0, -1, 0, 0, 0, 0], r"blocks.b0.w has options 0..2, got -1"),
    ],
)
def test_check_names_the_choice(arch, told):
    """A vector that is no arch is refused by name and range; `contains` just says no."""
    with pytest.raises(ValueError, match=told):
        SPACE.check(np.array(arch))
    assert len(arch) < 6 or not SPACE.contains(np.array(arch))


def test_check_names_the_mask():
    """An option outside the mask is refused with those inside it, where the choice is active."""
    space = SPACE.restrict({"b0.w": ["0", "1"]})
    with pytest.raises(ValueError, match=r"blocks.b0.w: option '2' is not allowed; allowed: 0, 1"):
        space.check(np.array([1, 2, 0, 0, 0, 0]))
    assert space.check(np.array([0, 2, 0, 0, 0, 0])).tolist() == [0] * 6, "inactive choices are made canonical"


def test_unknown_names():
    """Unknown choices, options and stages are named together with the known ones; so is a missing decision."""
    with pytest.raises(ValueError, match="unknown choice of blocks: 'b9'; known: b0, b0.w"):
        SPACE.encode({"b9": "off"})
    with pytest.raises(ValueError, match="unknown option of blocks.b0: 'x'; known: off, op0, op1"):
        SPACE.restrict({"b0": ["x"]})
    with pytest.raises(ValueError, match="unknown stage of blocks: 'depth'; known: path, operator, channel"):
        SPACE.at_stage("depth")
    with pytest.raises(ValueError, match="stage 'operator' of blocks needs the arch that 'path' decided"):
        SPACE.at_stage("operator")
    with pytest.raises(ValueError, match="must allow one or more"):
        SPACE.restrict({"b0": ["off"]}).restrict({"b0": ["op0"]})


A = Choice("a", ("x", "y"), "path")


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ((), "needs choices with distinct names"),
        ((A, A), "needs choices with distinct names"),
        ((A._replace(name="a:b"),), "letters, digits"),
        ((A._replace(options=("x", "x")),), "must be distinct"),
        ((A._replace(options=("x", "y.z")),), "got 'y.z'"),
        ((A._replace(default=2),), "default 2 is not an option index below 2"),
        ((A._replace(stage="depth"),), "unknown stage of s.a: 'depth'"),
        ((A._replace(active=("b", ("x",))),), "unknown earlier parent of s.a: 'b'"),
        ((A, A._replace(name="b", active=("a", ("z",)))), "unknown option of s.a in s.b: 'z'"),
        ((A._replace(stage="operator", coarse=("path", (("x",),))),), "must split the options"),
        ((A._replace(coarse=("operator", (("x",), ("y",)))),), "unknown earlier coarse stage of s.a"),
    ],
)
def test_malformed_spaces(choices, told):
    """A malformed space is refused where it is written, by the name of the choice."""
    with pytest.raises(ValueError) as error:
        SearchSpace("s", choices, STAGES)
    assert told in str(error.value)


def test_malformed_names_stages_masks_and_json():
    """So are a name that would break the text form, repeated stages, masks of another length, and other JSON."""
    with pytest.raises(ValueError, match="space name 's:1'"):
        SearchSpace("s:1", (A,), STAGES)
    with pytest.raises(ValueError, match="distinct stages"):
        SearchSpace("s", (A,), ("path", "path"))
    with pytest.raises(ValueError, match="allowed has 2 masks for 1 choices"):
        SearchSpace("s", (A,), STAGES, ((True, True), (True, True)))
    for text in ("{}", "[]", "{", json.dumps({"name": "s", "choices": [{}], "stages": [], "allowed": []})):
        with pytest.raises(ValueError):
            SearchSpace.from_json(text)
