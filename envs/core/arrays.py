"""Arrays of any namespace: where they live, and a few functions on hot paths.

Every function does the same in any Array-API namespace, and none but `detached` cuts a gradient.
For NumPy those on hot paths leave out what its general functions do beside the work.
"""

from __future__ import annotations

import importlib
import types
from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np

Array = Any
"""An array of NumPy, torch or any other Array-API namespace."""
OF_NUMPY = (np.ndarray, np.generic)


def namespace(array: Array) -> types.ModuleType:
    """The Array-API namespace of an array."""
    return np if isinstance(array, np.ndarray) else array_api_compat.array_namespace(array)


def is_tensor(value: Any) -> bool:
    """Whether this is an array of another namespace than NumPy, such as torch's."""
    return not isinstance(value, OF_NUMPY) and array_api_compat.is_array_api_obj(value)


def needs_gradient(value: Any) -> bool:
    """Whether a gradient is to reach this, or what it was computed from."""
    if not getattr(value, "requires_grad", False):
        return False
    import torch

    return torch.is_grad_enabled()


def detached(value: Any) -> Any:
    """The numbers of a tensor as a NumPy array, without its gradient; all else as it is."""
    if not is_tensor(value):
        return value
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def convert(array: Array, like: Array) -> Array:
    """The array in the namespace and on the device of `like`; its gradient comes along.

    A tensor stays one where `like` is NumPy's: moving it there would cut its gradient.
    """
    if isinstance(like, np.ndarray):
        return array
    device = array_api_compat.device(like)
    if is_tensor(array):
        return array_api_compat.to_device(array, device)
    return namespace(like).asarray(array, device=device)


def converted(array: Array, like: Array) -> Array:
    """The same, and of the number type of `like` if that is a tensor."""
    if isinstance(like, np.ndarray):
        return array
    return namespace(like).astype(convert(array, like), like.dtype, copy=False)


def constant(array: Any, like: Array) -> Array:
    """Numbers that never change beside `like`: of its namespace and number type, on its device.

    Kept for torch: a device would be waited for where they are brought to it at every step.

    Args:
        array: of NumPy, small.
        like: the array that they are computed with.
    """
    if isinstance(like, np.ndarray):
        return array
    if not array_api_compat.is_torch_array(like):
        return namespace(like).asarray(array, **place_of(like))
    values = np.ascontiguousarray(array)
    key = (values.tobytes(), values.shape, values.dtype.str)
    return _kept_constant(key, like.dtype, like.device)


@lru_cache(maxsize=256)
def _kept_constant(key: tuple[bytes, tuple[int, ...], str], dtype: Any, device: Any) -> Array:
    import torch

    raw, shape, kind = key
    values = np.frombuffer(raw, dtype=kind).reshape(shape).copy()
    with torch.inference_mode(False):
        return torch.as_tensor(values, dtype=dtype, device=device)


def surely_none(xp: Any, mask: Array) -> bool:
    """Whether NumPy finds nothing in a mask, so that the work on what it marks can be left out.

    Other namespaces are not asked: Python would wait for their device, and what is traced would
    take one branch whatever the values are.
    """
    return xp is np and not mask.any()


def at_least(xp: Any, array: Array, bound: float) -> Array:
    """The larger of each entry and a number."""
    return np.maximum(array, bound) if xp is np else xp.clip(array, bound, None)


def row_sum(xp: Any, array: Array) -> Array:
    """Sum over the last axis."""
    return np.add.reduce(array, axis=-1) if xp is np else xp.sum(array, axis=-1)


def row_mean(xp: Any, array: Array) -> Array:
    """Mean over the last axis."""
    return row_sum(xp, array) / array.shape[-1]


def row_count(xp: Any, mask: Array) -> Array:
    """Number of True entries along the last axis, as float64."""
    if xp is np:
        return np.add.reduce(mask, axis=-1, dtype=np.int32).astype(np.float64)
    return xp.astype(xp.sum(mask, axis=-1), xp.float64)


def normal_cdf(xp: Any, array: Array) -> Array:
    """Φ, the standard normal distribution function."""
    return special_functions(xp).ndtr(array)


def normal_quantile(xp: Any, array: Array) -> Array:
    """The inverse of `normal_cdf`."""
    return special_functions(xp).ndtri(array)


@lru_cache
def special_functions(xp: Any) -> Any:
    """SciPy's ``special``, or the module of another namespace that has what it has.

    Imported here: it takes as long as all else that a served policy needs, and few do need it.
    """
    if array_api_compat.is_torch_namespace(xp):
        return importlib.import_module("torch.special")
    # A library that stands in for NumPy, as JAX's, has what stands in for SciPy beside it.
    return importlib.import_module(xp.__name__.replace("numpy", "scipy.special"))


def place_of(array: Array) -> dict[str, Any]:
    """Number type and device, as keyword arguments for an array beside this one."""
    if isinstance(array, np.ndarray):
        return {"dtype": array.dtype}
    return {"dtype": array.dtype, "device": array_api_compat.device(array)}


def interpolated(xp: Any, points: Array, places: Array, values: Array) -> Array:
    """A piecewise linear function at points of any shape; 0 beyond its places.

    Args:
        xp: array namespace.
        points: where to read it off.
        places, values: of its corners, ``(m,)``, in ascending order.
    """
    if xp is np:
        return np.interp(points, places, values, left=0.0, right=0.0)
    above = xp.clip(xp.searchsorted(places, _dense(points)), 1, places.shape[0] - 1)
    slopes = (values[1:] - values[:-1]) / (places[1:] - places[:-1])
    found = values[above - 1] + slopes[above - 1] * (points - places[above - 1])
    within = (points >= places[0]) & (points <= places[-1])
    return xp.where(within, found, xp.zeros_like(found))


def _dense(array: Array) -> Array:
    """Without gaps between its numbers; torch copies what it looks up, and says so, otherwise."""
    return array.contiguous() if array_api_compat.is_torch_array(array) else array
