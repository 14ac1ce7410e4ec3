"""How processes that Ray has started learn of each other, in the way that TensorFlow asks for (TF_CONFIG).

Ray's TensorflowTrainer does the same, and imports TensorFlow for it in a process that never computes: seconds of each
start. What is defined inside a function travels to the processes itself, and they need not import this package either.
"""

from typing import Any


def rendezvous() -> Any:
    """Return a configuration for Ray Train under which each worker is told the addresses of all, and its own rank."""
    from ray.train.backend import Backend, BackendConfig

    def address() -> str:
        import socket

        from ray.util import get_node_ip_address

        with socket.socket() as free:
            free.bind(("", 0))
            return f"{get_node_ip_address()}:{free.getsockname()[1]}"

    def learn(addresses: list[str], rank: int) -> None:
        import json
        import os

        told = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        os.environ["TF_CONFIG"] = json.dumps(told)

    class Addresses(Backend):  # type: ignore[misc]
        def on_start(self, worker_group: Any, backend_config: Any) -> None:
            import ray

            addresses = worker_group.execute(address)
            ray.get(
                [worker_group.execute_single_async(rank, learn, addresses, rank) for rank in range(len(worker_group))]
            )

    class Rendezvous(BackendConfig):  # type: ignore[misc]
        @property
        def backend_cls(self) -> type:
            return Addresses

    return Rendezvous()
