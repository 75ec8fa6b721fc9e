# Pacesetter on a CPU, without root:
#   docker build -t pacesetter --build-arg TORCH_INDEX=URL .
# TORCH_INDEX is the index of PyTorch's builds for CPUs, as its installation page names it; without
# it, torch comes in its build for GPUs, which takes gigabytes.
#   docker run --rm -v "$PWD/runs:/home/trader/runs" pacesetter            # the demo, as `make demo`
#   docker run --rm pacesetter list
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 trader
WORKDIR /home/trader
ENV OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0 PATH=/home/trader/.venv/bin:$PATH
USER trader
ARG TORCH_INDEX=""

RUN python -m venv .venv && pip install --no-cache-dir --upgrade pip
# Versions before sources: a change of code does not install torch and Ray again.
COPY --chown=trader:trader constraints.txt source/constraints.txt
RUN pip install --no-cache-dir -c source/constraints.txt \
        ${TORCH_INDEX:+--extra-index-url $TORCH_INDEX} torch==2.13.0 'ray[rllib]'
COPY --chown=trader:trader . source
RUN pip install --no-cache-dir -c source/constraints.txt './source[train,onnx]' && mkdir runs

ENTRYPOINT ["pacesetter"]
CMD ["demo"]
