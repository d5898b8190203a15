"""One life of an installation, by command lines: what every command that prints JSON says, once.

The lines are run one after the other in a home with three tiny models and a server. `{name}` is
filled in by the run. A line that begins with `-` ends with an exit code that is not 0, one with
`~` with any.
"""

from __future__ import annotations

CHAT, EMBED, RERANK = "ostler/tiny-llama-GGUF", "ostler/tiny-embed-GGUF", "ostler/tiny-rerank-GGUF"
LIFE = f"""
status
search tiny
search {CHAT} --exact
files {CHAT}
pull {CHAT}#q8_0 --dry-run
pull {CHAT} --all --offline
pull {EMBED} --include *.gguf
-pull -f {{lists}}/models.txt
ls
info {CHAT}#q8_0
info {RERANK}
jobs
jobs cancel 00000003
downloads
downloads cancel 00000001
downloads resume 00000002
add {RERANK} --dry-run
verify
verify {EMBED} --hub
view {EMBED}
-verify {EMBED} --against {{tmp}}
checksums {EMBED}
env
env --plain
du
gc --dry-run
gc
rm {EMBED} --dry-run
rm {EMBED} --yes
trash
undo --dry-run
undo
import {{shipped}}/tiny-embed --dry-run --offline --id acme/embed
import {{shipped}}/tiny-embed --id acme/embed --offline
outdated
archive {EMBED} --to {{tmp}}/cold --dry-run
archive {EMBED} --to {{tmp}}/cold
archive --list
unarchive {EMBED} --dry-run
unarchive {EMBED}
bundle create {EMBED} {{tmp}}/one.tar --dry-run
bundle create {EMBED} {{tmp}}/one.tar
bundle import {{tmp}}/one.tar --dry-run
bundle import {{tmp}}/one.tar
backup {{tmp}}/backup --dry-run
backup {{tmp}}/backup
backup {{tmp}}/backup --list
backup {{tmp}}/backup --verify
rm {EMBED} --yes
restore {EMBED} --dry-run
restore {EMBED}
restore {EMBED} --from {{tmp}}/backup --dry-run
restore {EMBED} --from {{tmp}}/backup
rebuild --dry-run
fit {CHAT}#q8_0
-fit {CHAT}#q8_0 --gpu L4x2 --context 1000000
fit {CHAT}#q8_0 --gpu A100-80GB-SXM
fit --all
fit --all --catalogue
hw
engine {CHAT}#q8_0
-engine ostler/tiny-embed --in container
engine ls
engine images
engine install transformers --dry-run
quantize {CHAT}#f32 --offline
quantize {CHAT}#f32 --to q4_k_m --offline --dry-run
quantize {CHAT}#f32 --to q4_k_m --offline --yes
-triton check {{tmp}}
sync --check
sync --dry-run
lamini preload list -f {{lists}}/llama_config.yaml
lamini preload list -f {{lists}}/llama_config.yaml --helm {{lists}}/helm_config.yaml --gpu 48GB
lamini preload add mistralai/Mistral-7B-Instruct-v0.3 -f {{lists}}/llama_config.yaml --dry-run
lamini preload remove meta-llama/Llama-3.1-8B-Instruct -f {{lists}}/llama_config.yaml --dry-run
lamini inference -f {{lists}}/helm_config.yaml
lamini inference -f {{lists}}/helm_config.yaml --batch 3
measure {CHAT}#q8_0 --context 64
models
models --own
models --task embed --method soong
models info qwen3-8b
models info deepseek-r1-70b --method soong
models add --name mine --hf-path acme/mine --params 7 --quantization fp16 --context 4096 --no-check
models remove mine --yes
recommend --task chat --budget 1.00 --hours 4
-recommend --task chat --budget 0.01
recommend qwen3-8b --hours 4
-recommend qwen3-8b --gpu T4 --most-gpus 1 --budget 0.01
guide
guide import {{lists}}/guide.json --dry-run
guide import {{lists}}/guide.json
compare qwen3-8b qwen3-14b --hours 4
-compare kimi-k2 qwen3-14b --most-gpus 1
gpus --vendor nvidia
gpus L4
cost quote qwen3-8b --hours 4
cost book qwen3-8b --hours 4 --yes
cost report
status
prices --gpu L4
prices update {{lists}}/prices.csv --dry-run
prices update {{lists}}/prices.csv
preload {CHAT}#q8_0 --dry-run
pool
pin {CHAT}#q8_0 --dry-run
keys create anna --models ostler/* --rpm 600
keys ls
keys rotate anna
-load {CHAT}#q8_0
ps
why {CHAT}#q8_0
history
licences
licences accept {EMBED} --dry-run
licences accept {EMBED}
config-of {EMBED} list
config-of {EMBED} --name small --set max_model_len=64 --dry-run
import-config soong {{lists}}/soong.yaml --dry-run
config
logs
run {CHAT}#q8_0 hello --max-tokens 4
run {EMBED} hello
logs {CHAT}#q8_0
bench {CHAT}#q8_0 --requests 2 --output-tokens 4 --prompt-tokens 8
bench --saved
doctor
-info ostler/nobody --offline
""".strip().splitlines()
SERVED = f"""
ps
dashboard
load {CHAT}#q8_0 --dry-run
load {CHAT}#q8_0 --duration 1h
test {CHAT}#q8_0
rm acme/embed --yes
archive {EMBED} --to {{tmp}}/cold
=tables
unarchive {EMBED}
ps
top
status
pool
pool set small 2GiB --dry-run
pool set small 2GiB
pool rm small
preload {RERANK}
preload
preload --none
pin {CHAT}#q8_0
pin {CHAT}#q8_0 --off
test {CHAT}#q8_0
run {CHAT}#q8_0 hello --max-tokens 4
bench {CHAT}#q8_0 --requests 2 --output-tokens 4 --prompt-tokens 8
why {CHAT}#q8_0
export traefik -o {{tmp}}/traefik
~sync --check
doctor --offline
keys create bob
keys usage
keys revoke bob --why gone
stop --repo {CHAT}
load {CHAT}#q8_0
unload {CHAT}#q8_0
history --hours 1
stop --all
""".strip().splitlines()
# Commands that print tables, and change nothing.
TABLES = f"""
status
search tiny
files {CHAT}
pull {CHAT} --all --dry-run
ls
info {CHAT}#q8_0
downloads
du
gc --trash-days 0 --dry-run
trash
archive --list
backup {{tmp}}/backup --list
fit {CHAT}#q8_0
fit --all
fit --all --catalogue
hw
engine {CHAT}#q8_0 --explain
engine ls
engine images
quantize {CHAT}#f32 --offline
models
models --task embed
models info qwen3-8b
recommend --task chat --budget 1.00 --hours 4
recommend qwen3-8b --hours 4
guide
compare qwen3-8b qwen3-14b --hours 4
gpus
gpus L4
cost report
prices
ps
pool
keys ls
keys usage
history
licences
config
bench --saved
""".strip().splitlines()
FILES = {
    "models.txt": f"{EMBED}\nnobody/nothing\n",
    "llama_config.yaml": "multi_node_inference:\n  batch_model_list:\n"
    "    - meta-llama/Llama-3.1-8B-Instruct\n",
    "helm_config.yaml": "inference:\n  type: NVIDIA\n  batch: 1\n  streaming: 1\n"
    "  embedding: 1\n  catchall: 1\n",
    "guide.json": '[{"name": "mine", "use_case": "chat", "variants": '
    '[{"platform": "cpu", "variant_repo": "acme/mine-GGUF"}]}]',
    "prices.csv": "provider,instance_type,gpu,count,price_usd_per_hour\nmine,box,L4,1,0.10\n",
    "soong.yaml": "custom_models:\n  mine:\n    hf_path: acme/mine\n    params_billions: 7\n"
    "    quantization: fp16\n    context_length: 4096\n",
}
