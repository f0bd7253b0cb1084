"""The server process: what every page needs is loaded before the port opens.

python -m cnnviz.ui.serve --server.port 8501 --server.address 127.0.0.1
"""

import socket
import sys
import time
from collections.abc import Sequence

from cnnviz import paths, zoo
from cnnviz.errors import CnnvizError
from cnnviz.ui.shell.server import bound_uploads, keep_server_fast


def main(arguments: Sequence[str]) -> None:
    """Load TensorFlow and the default network, then start Streamlit in this process.

    Parameters
    ----------
    arguments : sequence of str
        For ``streamlit run``, with ``--server.port`` and ``--server.address`` among them.
    """
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    port, address = int(options["--server.port"]), options["--server.address"]
    if not _is_free(port, address):
        raise SystemExit(f"Port {port} is in use. Choose another one: cnnviz app --port {port + 1}")
    bound_uploads()
    print("Loading TensorFlow and the default network…", flush=True)
    began = time.monotonic()
    try:
        keep_server_fast()
        from cnnviz.network.loading import load_model

        load_model(zoo.list_models()[0].name)
    except CnnvizError as error:  # the pages say it, too, where it matters
        print(error, flush=True)
    print(f"Loaded in {time.monotonic() - began:.1f} s.", flush=True)
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", str(paths.APP), *arguments]
    cli.main(prog_name="streamlit")


def _is_free(port: int, address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server's own socket
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
