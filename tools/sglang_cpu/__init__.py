"""An SGLang that runs on processors, for `make test-sglang`."""
