"""`sr_cell` sub-networks in PyTorch, for the benchmarks alone: the same operations, widths and weights, in NCHW.

`forward(arch, params, x)` runs one network on params of `Supernet.extract_params`; `tensors` brings those over.
The benchmarks check its outputs against JAX before they time anything.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Params = Mapping[str, Any]


def tensors(params: Params, *, grad: bool = False, device: str = "cpu") -> dict[str, Any]:
    """Nested params as float32 tensors; convolution kernels HWIO become OIHW."""

    def convert(value: Any) -> Any:
        return tensors(value, grad=grad, device=device) if isinstance(value, Mapping) else _tensor(value, device, grad)

    return {k: convert(v) for k, v in params.items()}


def leaves(params: Params) -> list[torch.Tensor]:
    """All tensors of nested params."""
    return [t for v in params.values() for t in (leaves(v) if isinstance(v, Mapping) else [v])]


def image(x: np.ndarray, *, channels_last: bool = False) -> torch.Tensor:
    """`[b, h, w, c]` as `[b, c, h, w]`, in either memory layout."""
    y = torch.from_numpy(np.ascontiguousarray(np.asarray(x).transpose(0, 3, 1, 2)))
    return y.to(memory_format=torch.channels_last) if channels_last else y


def forward(arch: Mapping[str, str], params: Params, x: torch.Tensor, *, scale: int) -> torch.Tensor:
    """The network of a decoded arch (`space.decode`), `[b, 3, h, w]` -> `[b, 3, scale*h, scale*w]`."""
    first = h = _conv(params["stem"], x)
    edges = torch.zeros_like(h)
    blocks = [name for name in arch if name.startswith("b") and name[1:].isdigit()]
    for name in blocks:
        if arch[name] != "off":
            h = BLOCKS[arch[name]](params[name][arch[name]], h)
        if arch[name] != "off" and arch[f"{name}.edge"] == "long":
            edges = edges + _conv(params[f"{name}.edge"]["long"], h)
    h = first + edges + _conv(params["fuse"], h)
    h = _attend(arch["att"], params, h)
    p = params["tail"][arch["tail"]]
    detail = _conv(p, h) if arch["tail"] == "conv" else _conv(p["z"], _depthwise(p["d"], h))
    return _shuffle(detail, scale) + _enlarge(x, scale, arch["image"])


def _conv(p: Params, x: torch.Tensor, dilation: int = 1) -> torch.Tensor:
    return F.conv2d(x, p["w"], p["b"], padding=dilation * (p["w"].shape[-1] // 2), dilation=dilation)


def _depthwise(p: Params, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, p["w"], p.get("b"), padding=p["w"].shape[-1] // 2, groups=x.shape[1])


def _act(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.05)


def _res(p: Params, x: torch.Tensor) -> torch.Tensor:
    return x + _conv(p["z"], _act(_conv(p["a"], x)))


def _sep(p: Params, x: torch.Tensor) -> torch.Tensor:
    h = _act(_conv(p["a"], _depthwise(p["da"], x)))
    return x + _conv(p["z"], _depthwise(p["dz"], h))


def _inverted(p: Params, x: torch.Tensor) -> torch.Tensor:
    return x + _conv(p["z"], _act(_depthwise(p["d"], _act(_conv(p["a"], x)))))


def _rlfb(p: Params, x: torch.Tensor) -> torch.Tensor:
    h = _act(_conv(p["b"], _act(_conv(p["a"], x))))
    h = _conv(p["mix"], x + _act(_conv(p["z"], h)))
    return h * _spatial(p["attend"], h)


def _spab(p: Params, x: torch.Tensor) -> torch.Tensor:
    o = _conv(p["z"], F.silu(_conv(p["b"], F.silu(_conv(p["a"], x)))))
    return x + (o + x) * (torch.sigmoid(o) - 0.5)


def _group(p: Params, x: torch.Tensor) -> torch.Tensor:
    h = _act(_conv(p["a"], x))
    groups = h.shape[1] // p["g"]["w"].shape[1]
    h = _act(F.conv2d(h, p["g"]["w"], p["g"]["b"], padding=1, groups=groups))
    return x + _conv(p["z"], h)


def _rep(p: Params, x: torch.Tensor) -> torch.Tensor:
    return x + _conv(_collapse(p["z"]), _act(_conv(_collapse(p["a"]), x)))


def _collapse(p: Params) -> dict[str, torch.Tensor]:
    if "in" not in p:
        return dict(p)
    return {"w": p["w"] + torch.einsum("ci,jihw,jo->ochw", p["in"], p["mid"], p["out"]), "b": p["b"]}


def _attend(kind: str, params: Params, x: torch.Tensor) -> torch.Tensor:
    p = params.get("att", {}).get(kind, {})
    if kind in ("ca", "both"):
        q = p.get("channel", p)
        x = x * torch.sigmoid(_conv(q["z"], _act(_conv(q["a"], x.mean((2, 3), keepdim=True)))))
    if kind in ("sa", "both"):
        x = x * _spatial(p.get("spatial", p), x)
    return x


def _spatial(p: Params, x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(_conv(p["z"], _act(_conv(p["m"], _conv(p["a"], x), dilation=2))))


def _shuffle(x: torch.Tensor, scale: int) -> torch.Tensor:
    """Depth to space with channels ordered (row, column, c); PyTorch's own order is (c, row, column)."""
    b, c, h, w = x.shape
    y = x.reshape(b, scale * scale, c // scale**2, h, w).transpose(1, 2)
    return F.pixel_shuffle(y.reshape(b, c, h, w), scale)


def _enlarge(x: torch.Tensor, scale: int, kind: str) -> torch.Tensor:
    if kind == "nearest":
        return F.interpolate(x, scale_factor=scale, mode="nearest")
    kernel = _bicubic(scale).to(x)
    y = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel.repeat(3, 1, 1, 1), groups=3)
    return F.pixel_shuffle(y, scale)


def _bicubic(scale: int) -> torch.Tensor:
    """MATLAB's kernel (a = -0.5) as `scale**2` phases of 5x5; `F.interpolate` has a = -0.75."""
    centre = (np.arange(scale) + 0.5) / scale - 0.5
    d = np.abs(centre[:, None] - np.arange(-2, 3))
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    taps = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    phases = np.einsum("ay,bx->abyx", taps, taps).reshape(scale**2, 1, 5, 5)
    return torch.from_numpy(phases.astype(np.float32))


def _tensor(value: Any, device: str, grad: bool) -> torch.Tensor:
    array = np.asarray(value, np.float32)
    array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
    return torch.from_numpy(np.array(array)).to(device).requires_grad_(grad)


BLOCKS: dict[str, Callable[[Params, torch.Tensor], torch.Tensor]] = {
    "res": _res,
    "rlfb": _rlfb,
    "spab": _spab,
    "group": _group,
    "rep": _rep,
    **dict.fromkeys(("sep3", "sep5", "sep7"), _sep),
    **dict.fromkeys(("ir2k3", "ir2k5", "ir4k3", "ir4k5"), _inverted),
}
