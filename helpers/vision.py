"""Makes torchvision usable beside a build of torch that has no CUDA. ::

    import helpers.vision
    from torchvision.transforms import v2

There the usual torchvision cannot be imported, as it describes two operators, `nms` and
`qnms`, that do not load; importing this module declares them. Calling them still fails,
and so do detection and torchvision's own decoding of images; transforms, data sets and
models for classification work. Elsewhere nothing is changed.
"""

try:
    import torchvision
except ModuleNotFoundError as error:
    if error.name == "torchvision":
        error.msg = "torchvision is not installed: run `pip install torchvision`"
    raise
except RuntimeError as error:
    if "operator torchvision::nms does not exist" not in str(error):
        raise
    import torch

    # kept: what a library declares goes when it goes
    _operators = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _form = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        _operators.define(_name + _form)
    import torchvision

__all__ = ["torchvision"]
