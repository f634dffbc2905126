"""Makes torchvision usable beside a build of torch that has no CUDA. ::

    import helpers.vision
    from torchvision.transforms import v2

Beside a CPU-only torch the operators of the usual torchvision do not load, and its
import fails because it describes two of them, `nms` and `qnms`, all the same. In that
case importing this module declares these two. Calling them still fails, and so do the
detection models and torchvision's own decoding of images; transforms, data sets and
models for classification work. Elsewhere nothing is changed, and other errors pass.
"""

try:
    import torchvision
except ModuleNotFoundError as error:
    if error.name != "torchvision":
        raise
    raise ModuleNotFoundError(
        "torchvision is not installed: run `pip install torchvision`",
        name="torchvision",
    ) from error
except RuntimeError as error:
    if "operator torchvision::nms does not exist" not in str(error):
        raise
    import torch

    # kept: what a library declares goes when it goes
    _operators = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _operators.define(
            f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    import torchvision

__all__ = ["torchvision"]
