"""A stand-in for Triton's vLLM backend, which needs a GPU. It runs in a real tritonserver.

It is held to what the real one does before vLLM starts: it completes the configuration, insists on
decoupled answers and on model.json, and gives its content to vLLM as keyword arguments. It takes
the arguments that vLLM 0.10 knows, wants the weights to be there, and answers with the prompt.
"""

import json
import os

import numpy as np
import triton_python_backend_utils as pb_utils

INPUTS = (
    ("text_input", "TYPE_STRING", False),
    ("stream", "TYPE_BOOL", True),
    ("sampling_parameters", "TYPE_STRING", True),
    ("exclude_input_in_output", "TYPE_BOOL", True),
)
ARGUMENTS = {
    *("model", "max_model_len", "max_num_seqs", "gpu_memory_utilization", "tensor_parallel_size"),
    *("pipeline_parallel_size", "kv_cache_dtype", "enforce_eager", "trust_remote_code", "dtype"),
}


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        """Fill in what a minimal config.pbtxt leaves out, as the real backend does."""
        config.set_model_transaction_policy({"decoupled": True})
        config.set_max_batch_size(0)
        said = config.as_dict()
        for name, kind, optional in INPUTS:
            if name not in [one["name"] for one in said["input"]]:
                more = {"optional": True} if optional else {}
                config.add_input({"name": name, "data_type": kind, "dims": [1], **more})
        if not said["output"]:
            config.add_output({"name": "text_output", "data_type": "TYPE_STRING", "dims": [-1]})
        return config

    def initialize(self, args):
        """Read model.json and refuse what the real backend and vLLM refuse."""
        config = json.loads(args["model_config"])
        assert pb_utils.using_decoupled_model_transaction_policy(config), (
            "vLLM Triton backend must be configured to use decoupled model transaction policy"
        )
        place = os.path.join(pb_utils.get_model_dir(), "model.json")
        assert os.path.isfile(place), "'model.json' containing vllm engine args must be provided"
        with open(place) as file:
            said = json.load(file)
        gpus = int(said.get("tensor_parallel_size", 1)) * int(said.get("pipeline_parallel_size", 1))
        if gpus > 1 and args["model_instance_kind"] != "MODEL":
            raise ValueError(
                "KIND_GPU is currently for single-GPU models, please specify KIND_MODEL"
            )
        for name in said:
            if name not in ARGUMENTS:
                raise TypeError(
                    f"AsyncEngineArgs.__init__() got an unexpected keyword argument '{name}'"
                )
        with open(os.path.join(said["model"], "config.json")) as file:
            self.architecture = json.load(file)["architectures"][0]

    def execute(self, requests):
        """Answer in two parts where a stream is asked for, in one where it is not."""
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()[0].decode()
            stream = pb_utils.get_input_tensor_by_name(request, "stream")
            parts = [f"{self.architecture}: ", text]
            if stream is None or not stream.as_numpy()[0]:
                parts = ["".join(parts)]
            sender = request.get_response_sender()
            for part in parts:
                sender.send(pb_utils.InferenceResponse([output(part)]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def output(text):
    return pb_utils.Tensor("text_output", np.array([text.encode()], dtype=object))
