"""One generator, written once, run in three modes over the same parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from nasjax.ops.params import check_params, draw, lead
from nasjax.rounds import Round, fair_round
from nasjax.say import sizes
from nasjax.space import SearchSpace
from nasjax.supernet.extract import Declare, ExtractedNet, as_tuple, declare, fold_params, prune
from nasjax.supernet.net import Forward
from nasjax.supernet.routed import Routed
from nasjax.supernet.switched import Switched
from nasjax.typing import Arch, Archs, Params, PRNGKey


@dataclass(frozen=True, repr=False)
class Supernet:
    """A search space and the generator over it, `forward(net, x)`; hashable, without state.

    `probe` is the shape of a smallest valid input; the modes accept any other height, width and batch.
    The laws (tested for every space): routed, switched and extracted agree in values and gradients.
    """

    space: SearchSpace
    forward: Forward
    probe: tuple[int, ...] = (1, 16, 16, 3)

    def __repr__(self) -> str:
        return f"Supernet({self.space!r}, x {list(self.probe)})"

    def at(self, space: SearchSpace) -> "Supernet":
        """The same parameters under another mask, e.g. that of a stage."""
        return replace(self, space=space)

    def init(self, key: PRNGKey) -> dict[str, Any]:
        """Parameters of every allowed path, operator and channel option at its widest: a plain nested dict, float32.

        Each is drawn by its own name, so a narrower mask gives a part of the same numbers.
        """
        return draw(key, prune(self._declare(None).specs))

    def select(self, params: Params) -> dict[str, Any]:
        """The part of `params` that the mask can reach: what a stage trains. `merge_params` puts it back.

        Raises ValueError naming a leaf that `params` lack.
        """
        specs = prune(self._declare(None).specs)
        check_params(params, specs, f"{self.space.name} under this mask", exact=False)
        return lead(params, specs)

    def routed(self, params: Params, plan: Archs, x: Float[Array, "s b h w c"]) -> Any:
        """Run one fair round, stream `s` through sub-network `plan[s]`, without any branch.

        Gives y `[s, b, i, j, o]`, or whatever tree of such arrays `forward` gives.

        The plan must have the option counts of `fair_round(space)`; a concrete plan that has not raises ValueError
        (a traced one cannot be checked: draw it with a fair sampler).
        """
        round_ = fair_round(self.space)
        if not isinstance(plan, Tracer):
            _check_plan(self.space, round_, np.asarray(plan))
        return self.forward(Routed(self.space, round_, params, jnp.asarray(plan)), x)

    def switched(self, params: Params, arch: Arch, x: Float[Array, "b h w c"]) -> Any:
        """Run one sub-network given as a traced arch: any arch of the mask, one compilation; gives y `[b, i, j, o]`.

        A concrete arch outside the mask raises ValueError; a traced one cannot be checked, and runs something else.
        """
        if not isinstance(arch, Tracer):
            arch = self.space.check(arch)
        return self.forward(Switched(self.space, params, jnp.asarray(arch)), x)

    def each(self, params: Params, plan: Archs, x: Float[Array, "s b h w c"]) -> Any:
        """Run any plan, fair or not, one switched stream after the other."""
        return jax.lax.map(lambda pair: self.switched(params, *pair), (jnp.asarray(plan), x))

    def extract(self, arch: Arch, *, deployed: bool = False) -> nn.Module:
        """The plain Flax network of one arch, for params of `extract_params` (or, `deployed`, of `deploy_params`)."""
        return ExtractedNet(self.space, self.forward, as_tuple(self.space.known(arch)), deployed)

    def extract_params(self, params: Params, arch: Arch) -> dict[str, Any]:
        """The params of one sub-network, sliced out of the shared ones; differentiable.

        Raises ValueError for no arch of the space, or naming the first leaf that it needs and `params` lack.
        """
        specs = prune(self._declare(arch).specs)
        check_params(params, specs, self.space.text(arch), exact=False)
        return lead(params, specs)

    def deploy_params(self, params: Params, arch: Arch) -> dict[str, Any]:
        """Extracted params with re-parameterised operations merged: what is counted, exported and served.

        Raises ValueError for no arch of the space, or naming the first leaf that differs from its own params.
        """
        declared = self._declare(arch)
        check_params(params, prune(declared.specs), f"{self.space.text(arch)} (by extract_params)", exact=True)
        return dict(fold_params(params, declared.ops))

    def deployed(self, arch: Arch, shape: Sequence[int]) -> tuple[Callable[[Params, Any], Any], Any, Any]:
        """An arch's deployed network as a function of its params and an image, and the shapes of both, to be traced."""
        module, x = self.extract(arch, deployed=True), jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
        shapes = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
        return lambda params, x: module.apply({"params": params}, x), shapes, x

    def _declare(self, arch: Arch | None) -> Declare:
        static = None if arch is None else as_tuple(self.space.known(arch))
        return declare(self.space, self.forward, jax.ShapeDtypeStruct(self.probe, jnp.float32), arch=static)


def _check_plan(space: SearchSpace, round_: Round, plan: np.ndarray) -> None:
    if plan.shape != (round_.slots, space.num_choices):
        raise ValueError(
            f"a fair round of {space.name} is a plan of {round_.slots} archs of {space.num_choices} choices each, got "
            f"an array of {sizes(plan.shape)}"
        )
    for i, choice in enumerate(space.choices):
        found = tuple(np.bincount(plan[:, i], minlength=len(choice.options)).tolist())
        if found != round_.counts[i]:
            raise ValueError(
                f"plan: {space.name}.{choice.name} occurs {found} times an option; a fair round needs "
                f"{round_.counts[i]}"
            )
