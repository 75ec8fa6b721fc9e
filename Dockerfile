# Pacesetter on a CPU, without root:
#   docker build -t pacesetter --build-arg USER_ID="$(id -u)" --build-arg TORCH_INDEX=URL .
#   mkdir -p runs    # or the daemon makes it, as root's
#   docker run --rm -v "$PWD/runs:/home/trader/runs" pacesetter            # the demo, as `make demo`
#   docker run --rm pacesetter list
# USER_ID is the number of the user in the container, 1000 if it is not said; with yours, what is
# written to your folder is yours. TORCH_INDEX is the index of PyTorch's builds for CPUs, as its
# installation page names it; without it, torch comes in its build for GPUs, which takes gigabytes.
FROM python:3.11-slim

ARG USER_ID=1000
RUN useradd --create-home --uid "$USER_ID" trader
WORKDIR /home/trader
ENV OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0 PATH=/home/trader/.venv/bin:$PATH
USER $USER_ID
ARG TORCH_INDEX=""

RUN python -m venv .venv
# Versions before sources: a change of code does not install torch and Ray again.
COPY --chown=$USER_ID constraints.txt source/constraints.txt
RUN pip install --no-cache-dir -c source/constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch==2.13.0 'ray[rllib]==2.60.0'
COPY --chown=$USER_ID . source
RUN pip install --no-cache-dir -c source/constraints.txt './source[train,onnx]' && mkdir runs

ENTRYPOINT ["pacesetter"]
CMD ["demo"]
