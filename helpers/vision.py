"""Makes torchvision usable beside a build of torch that has no CUDA. ::

    import helpers.vision
    from torchvision.transforms import v2

The usual torchvision is compiled for CUDA. Beside a CPU-only torch its compiled
operators do not load, and its import fails because it describes two of them, `nms` and
`qnms`, all the same. Importing this module declares these two in that case; calling
them still fails, and so do the detection models and torchvision's own image decoding.
Transforms, data sets and the models for classification work. Where torchvision
imports by itself, nothing is changed; any other error is passed on.
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
