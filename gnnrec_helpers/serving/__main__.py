"""Serve a model over HTTP: ``python -m gnnrec_helpers.serving model.safetensors``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

import torch


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the service, and end with the process's SIGTERM or Ctrl+C."""
    parser = argparse.ArgumentParser(
        prog="python -m gnnrec_helpers.serving",
        description="Serve a model over HTTP. A newer file at the path is served as it comes.",
    )
    parser.add_argument("path", help="what model.save or model.frozen().save wrote")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; by default this machine alone is answered, and since nobody "
        "is asked who she is, another belongs behind a proxy that does",
    )
    parser.add_argument("--port", type=int, default=8000, help="default 8000; 0 takes a free one")
    parser.add_argument(
        "--poll", type=float, default=0.5, help="seconds between two looks at the file"
    )
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # also where uvicorn passes it on
    torch.set_num_threads(1)  # requests are answered side by side instead
    try:
        import uvicorn

        from .service import service

        app = service(given.path, poll=given.poll)
    except ImportError as error:
        parser.exit(
            1,
            f"The service needs FastAPI and uvicorn ({error}): install them with pip install "
            "'gnnrec-helpers[serving]'.\n",
        )
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    uvicorn.run(app, host=given.host, port=given.port, access_log=False)


if __name__ == "__main__":
    main()
