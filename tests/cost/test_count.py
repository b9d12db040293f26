"""Counts against formulas worked out by hand."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from nasjax.cost.count import Counts, count
from tests.cost.examples import spec

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def _conv(params, x, *, groups=1, stride=1, dilation=1, padding="SAME"):
    return lax.conv_general_dilated(
        x,
        params["w"],
        (stride, stride),
        padding,
        lhs_dilation=(dilation, dilation),
        dimension_numbers=DIMENSIONS,
        feature_group_count=groups,
    )


def test_convolution():
    """3x3, 5 -> 7 channels, stride 2 on 12x8: output 6x4, 45 multiplications a value; the bias is a parameter only."""
    params = {"w": spec(3, 3, 5, 7), "b": spec(7)}
    counts = count(lambda p, x: _conv(p, x, stride=2) + p["b"].reshape(1, 1, 1, 7), params, spec(1, 12, 8, 5))
    assert counts == Counts(params=315 + 7, macs=6 * 4 * 7 * 45, macs_torchprofile=6 * 4 * 7 * 45, activations=168)
    assert counts.bytes == 4 * 322


@pytest.mark.parametrize("groups", [2, 6])
def test_groups(groups):
    """A group sees its own input channels only; with as many groups as channels, one."""
    counts = count(functools.partial(_conv, groups=groups), {"w": spec(3, 3, 6 // groups, 6)}, spec(2, 4, 4, 6))
    assert counts.macs == 2 * 4 * 4 * 6 * 9 * (6 // groups)
    assert counts.activations == 2 * 4 * 4 * 6


def test_transposed_convolution():
    """By 2 from 5x6 to 10x12: a quarter of the output-sized work meets real pixels, that is, input size * kernel."""
    fn = functools.partial(_conv, dilation=2, padding=((2, 2), (2, 2)))
    counts = count(fn, {"w": spec(4, 4, 3, 8)}, spec(1, 5, 6, 3))
    assert counts.macs == 5 * 6 * 16 * 3 * 8
    assert counts.macs_torchprofile == 10 * 12 * 16 * 3 * 8
    assert counts.activations == 10 * 12 * 8


def test_other_layouts():
    """The kernel's output dimension is found by the dimension numbers, not by its position."""

    def fn(w, x):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))

    assert count(fn, spec(7, 5, 3, 3), spec(1, 5, 4, 4)).macs == 4 * 4 * 7 * 45


def test_matrix_product():
    """A batched product: batch 2, 3x4 by 4x5."""
    counts = count(lambda w, x: jnp.einsum("bij,bjk->bik", x, w), spec(2, 4, 5), spec(2, 3, 4))
    assert counts == Counts(40, 2 * 3 * 5 * 4, 2 * 3 * 5 * 4, 30)


def _product(w, x):
    return x @ w


@jax.custom_vjp
def _custom_vjp(w, x):
    return x @ w


_custom_vjp.defvjp(lambda w, x: (x @ w, (w, x)), lambda saved, g: (saved[1].T @ g, g @ saved[0].T))
_custom_jvp = jax.custom_jvp(_product)
_custom_jvp.defjvp(lambda primals, tangents: (_product(*primals), _product(*tangents)))


@pytest.mark.parametrize("wrap", [jax.jit, jax.checkpoint, jax.vmap, lambda fn: jax.jit(jax.checkpoint(fn))])
@pytest.mark.parametrize("inner", [_product, _custom_vjp, _custom_jvp])
def test_wrapped(wrap, inner):
    """What is inside a wrapper is counted, once (a derivative rule is not executed)."""
    counts = count(wrap(inner), spec(2, 4, 4), spec(2, 3, 4))
    plain = count(jnp.matmul, spec(2, 3, 4), spec(2, 4, 4))
    assert (counts.macs, counts.activations) == (plain.macs, plain.activations)


def test_scan_counts_every_turn():
    """Seven turns of a product are seven products."""

    def fn(w, x):
        return lax.scan(lambda carry, _: (carry @ w, None), x, None, length=7)[0]

    assert count(fn, spec(4, 4), spec(3, 4)).macs == 7 * 3 * 4 * 4


def test_conditional_counts_its_dearest_branch():
    """A branch with two products and one with one: two."""

    def fn(w, x):
        return lax.cond(x[0, 0] > 0, lambda: x @ w, lambda: (x @ w) @ w)

    assert count(fn, spec(4, 4), spec(3, 4)).macs == 2 * 3 * 4 * 4


def test_platform_conditional_counts_its_default():
    """The formulation of one platform must not change a figure, whether it is cheaper or dearer."""

    def fn(w, x, *, cpu):
        return lax.platform_dependent(x, w, cpu=cpu, default=jnp.matmul)

    for cpu in (lambda x, w: x, lambda x, w: (x @ w) @ w):
        assert count(functools.partial(fn, cpu=cpu), spec(4, 4), spec(3, 4)).macs == 3 * 4 * 4


def test_fixed_resampling_is_free():
    """A jitted function named `resize_...` counts nothing; the same under another name does."""

    def resize_rows(x):
        return jnp.ones((8, 4)) @ x

    def rows(x):
        return jnp.ones((8, 4)) @ x

    assert count(lambda w, x: jax.jit(resize_rows)(x) @ w, spec(5, 2), spec(4, 5)).macs == 8 * 2 * 5
    assert count(lambda w, x: jax.jit(rows)(x) @ w, spec(5, 2), spec(4, 5)).macs == 8 * 2 * 5 + 8 * 5 * 4


def test_loop_of_unknown_length_is_refused():
    """A while loop with a product inside is an error, one without is not; a counted loop is a scan."""

    def fn(w, x, *, body):
        return lax.while_loop(lambda c: c.sum() < 9, lambda c: body(c, w), x)

    with pytest.raises(ValueError, match="while loop"):
        count(functools.partial(fn, body=jnp.matmul), spec(4, 4), spec(4, 4))
    assert count(functools.partial(fn, body=jnp.add), spec(4, 4), spec(4, 4)).macs == 0
    assert count(lambda w, x: lax.fori_loop(0, 3, lambda _, c: c @ w, x), spec(4, 4), spec(4, 4)).macs == 3 * 64
