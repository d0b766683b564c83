# syntax=docker/dockerfile:1
# .ci/image runs every RUN line with python in it, the CMD and the HEALTHCHECK: keep each on one line.

FROM python:3.11-slim AS build
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv "$VIRTUAL_ENV"
COPY requirements/ requirements/
RUN python -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements/grown.txt
COPY . .
ENV PARLEY_BOOTSTRAP=0 PARLEY_STATIC=/opt/static
# Settings make a secret where there is none: it goes to a folder that this line takes away again.
RUN PARLEY_DATA="$(mktemp -d)"; export PARLEY_DATA; python manage.py collectstatic --noinput --verbosity 0; rm -rf "$PARLEY_DATA"
RUN python -m compileall -q chatsite conversations

FROM python:3.11-slim
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PARLEY_BOOTSTRAP=0 PARLEY_DATA=/data PARLEY_STATIC=/opt/static
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin parley && install -d -o parley -g parley -m 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/static /opt/static
COPY --from=build /app /app
WORKDIR /app
USER parley
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD python -c "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/healthz' % os.environ.get('PARLEY_PORT', '8000'), timeout=2)"
CMD ["python", "manage.py", "up", "--host", "0.0.0.0"]
