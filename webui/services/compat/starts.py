"""Requests with several start pictures, which jobs of one start picture each carry out.

The pictures take the start pictures in turn. A batch that is smaller than their number is made as
large, since a picture that was sent and not used would be a surprise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from webui.core.errors import InvalidRequest, Message
from webui.core.request import PARAMETERS, GenerationRequest
from webui.core.seeds import single

MOST = int(PARAMETERS["batch_size"].maximum or 1)
"""Start pictures that a request may have: as many as a batch has pictures."""


def check_number(pictures: Sequence[object]) -> None:
    """Refuses more start pictures than fit into the largest batch.

    Raises:
        InvalidRequest: there are more than `MOST`.
    """
    if len(pictures) > MOST:
        values = {"got": len(pictures), "high": MOST}
        raise InvalidRequest(Message("error.api_pictures", values, "init_images"))


def with_room(request: GenerationRequest, names: Sequence[str]) -> GenerationRequest:
    """The request with batches that hold all start pictures; `names`: their contents' hashes.

    SD upscale works on one picture; it takes the first.
    """
    if request.tile_upscale or len(names) <= request.batch_size:
        return request
    return request.model_copy(update={"batch_size": len(names)})


def jobs_of(request: GenerationRequest, names: Sequence[str]) -> Iterator[GenerationRequest]:
    """What is submitted for a request `with_room`: itself, or a request for each of its pictures.

    A picture does not depend on the batch that it is drawn in, so these draw what the whole
    would. Each batch begins with the first start picture again.
    """
    if len(names) < 2 or request.tile_upscale:
        yield request
        return
    for number in range(request.pictures):
        name = names[number % request.batch_size % len(names)]
        yield single(request, number).model_copy(update={"init_image": name})
