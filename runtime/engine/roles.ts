import type { Role } from "../settings/setting.ts";
import { NotFoundError } from "../std/errors.ts";
import type { BatchLayer, Services } from "../ports/services.ts";

function refuse(role: Role, roles: readonly Role[]): never {
  throw new NotFoundError(
    `This process does not ${DOES[role]}: it has the roles ${roles.join(", ")}; ` +
      `ask one that has "${role}"`,
  );
}

/**
 * The batch layer of a process: its runs, scheduled or requested, end when `stop` aborts. It starts
 * none where the roles leave them to other processes.
 */
export function batchWithin(
  batch: BatchLayer,
  roles: readonly Role[],
  stop: AbortSignal,
): BatchLayer {
  return {
    run({ full, signal } = {}) {
      if (!roles.includes("batch")) refuse("batch", roles);
      return batch.run({ full, signal: signal ? AbortSignal.any([signal, stop]) : stop });
    },
    cancel: (run, by) => batch.cancel(run, by, stop),
    history: (query) => batch.history(query),
    drift: () => batch.drift(),
    get running() {
      return batch.running;
    },
    get ended() {
      return batch.ended;
    },
  };
}

/** The services of a process; those that its roles leave to other processes say so. */
export function withinRoles(services: Services, roles: readonly Role[]): Services {
  /** Every call of it is refused. */
  const refused = <Service extends object>(service: Service, role: Role): Service =>
    roles.includes(role) ? service : new Proxy(service, { get: () => () => refuse(role, roles) });
  return {
    ingest: refused(services.ingest, "ingest"),
    formats: services.formats,
    serving: refused(services.serving, "serve"),
    records: refused(services.records, "serve"),
    deadLetters: {
      ...refused(services.deadLetters, "serve"),
      redrive: refused(services.deadLetters, "ingest").redrive,
    },
    drifts: refused(services.drifts, "serve"),
    catalogs: refused(services.catalogs, "serve"),
    plugins: services.plugins,
    islands: services.islands,
    prunePlugins: () => services.prunePlugins(),
    reloadPlugins: () => services.reloadPlugins(),
    lifecycle: {
      ...services.lifecycle,
      rebuild: refused(services.lifecycle, "batch").rebuild,
    },
    sql: refused(services.sql, "serve"),
    pageSql: refused(services.pageSql, "serve"),
    batch: services.batch,
    verification: services.verification,
    status: () => services.status(),
    memory: () => services.memory(),
    newestRuns: () => services.newestRuns(),
  };
}

const DOES: Readonly<Record<Role, string>> = {
  ingest: "take events in",
  speed: "compute windows",
  archive: "archive",
  batch: "run the batch",
  serve: "answer questions",
};
