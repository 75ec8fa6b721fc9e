# Pacesetter on a CPU, without root:
#   docker build -t pacesetter .
#   docker run --rm -v "$PWD/runs:/home/trader/runs" pacesetter            # the demo, as `make demo`
#   docker run --rm pacesetter list
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 trader
WORKDIR /home/trader
ENV OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0 PATH=/home/trader/.venv/bin:$PATH
USER trader

RUN python -m venv .venv && pip install --no-cache-dir --upgrade pip
# Versions before sources: a change of code does not install torch and Ray again.
COPY --chown=trader:trader constraints.txt source/constraints.txt
RUN pip install --no-cache-dir -c source/constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 'ray[rllib]'
COPY --chown=trader:trader . source
RUN pip install --no-cache-dir -c source/constraints.txt './source[train,onnx]' && mkdir runs

ENTRYPOINT ["pacesetter"]
CMD ["demo"]
