#!/usr/bin/env bash
# sampling through Ray and Ray Serve, in the environment of the vLLM step
ray="$SCRATCH/vllm/bin/python"
if [ ! -x "$ray" ] || [ ! -d "$SCRATCH/models/smollm2" ]; then
  echo "the vLLM step left no environment with a small model; the ray tests did not run"; exit 77
fi
if ! "$ray" -m pip install -q 'ray[data,serve]>=2.49' > "$SCRATCH/ray.log" 2>&1; then
  tail -5 "$SCRATCH/ray.log"; echo "ray could not be installed; the ray tests did not run"; exit 77
fi
MUXCAST_TEST_MODELS="$SCRATCH/models" timeout 900 "$ray" -m pytest -m ray
