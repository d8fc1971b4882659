"""WhiteNoise's middleware: a look into a dictionary for everything that is no file."""

from __future__ import annotations

from typing import Any

from mainstay.http.handler.steps import BLOCKS, Step


def whitenoise(middleware: Any) -> Step:
    """``WhiteNoiseMiddleware``, which is sync only: in Django all middleware around it must hop."""

    def before(request: Any) -> Any:
        if middleware.autorefresh or middleware.files.get(request.path_info) is not None:
            return BLOCKS
        return None

    def before_full(request: Any) -> Any:
        path = request.path_info
        file = middleware.find_file(path) if middleware.autorefresh else middleware.files.get(path)
        return None if file is None else middleware.serve(file, request)

    return Step(before=before, before_full=before_full)
