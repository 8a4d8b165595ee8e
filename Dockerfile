# The npm packages, ClickHouse among them, are fetched once and do not depend on the sources.
FROM denoland/deno:2.9.6

RUN mkdir -p /app /data && chown deno:deno /app /data
USER deno
WORKDIR /app

COPY --chown=deno:deno deno.json deno.lock ./
RUN deno install --frozen

COPY --chown=deno:deno main.ts ./
COPY --chown=deno:deno runtime runtime/
COPY --chown=deno:deno kit kit/
COPY --chown=deno:deno routes routes/
COPY --chown=deno:deno islands islands/
COPY --chown=deno:deno plugins plugins/
COPY --chown=deno:deno sql sql/
COPY --chown=deno:deno static static/
COPY --chown=deno:deno tools/build_client.ts tools/
COPY --chown=deno:deno tools/site tools/site/
RUN deno task build && deno cache --frozen main.ts runtime/warehouse/engine_thread.ts runtime/archive/encoder_thread.ts runtime/speed/isolate_thread.ts plugins/*.ts \
  islands/*.tsx $(find routes -name '*.ts' -o -name '*.tsx')

VOLUME /data
EXPOSE 8000
ENV TWOFOLD_DATA=/data TWOFOLD_HOSTNAME=0.0.0.0 TWOFOLD_LOG_FORMAT=json
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["deno", "eval", "Deno.exit((await fetch('http://127.0.0.1:8000/healthz')).ok ? 0 : 1)"]

# Nothing is fetched at run time. Others can reach the port: set TWOFOLD_WRITE_TOKEN, and
# TWOFOLD_READ_TOKEN or TWOFOLD_PUBLIC_READ=true.
ENTRYPOINT ["deno", "run", "--cached-only", "--v8-flags=--max-semi-space-size=8", "-P=run", "--no-prompt", \
  "--allow-read=/app,/data,/run/secrets", "--allow-write=/data", "main.ts"]
CMD ["start"]
