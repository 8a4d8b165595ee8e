/** The members of a declaration that are plain values, with their defaults. */
import {
  grains,
  grainSeconds,
  type Plugin,
  type PluginDeclaration,
  type Relation,
  tumbling,
} from "../plugin.ts";
import { type Faults, shown } from "./faults.ts";

const known = {
  "": [
    "name",
    "version",
    "summary",
    "where",
    "key",
    "measures",
    "derive",
    "stream",
    "batch",
    "merged",
    "present",
  ],
  stream: ["window", "relation"],
  batch: ["sql", "grain", "relation"],
  merged: ["relation"],
  present: ["title", "chart", "by", "sort", "island"],
};
const relationMembers = ["name", "by", "columns"];

/** What {@link membersOf} reads. */
type Members =
  & Pick<Plugin, "name" | "version" | "summary" | "stream" | "merged">
  & { readonly batch: Omit<Plugin["batch"], "sql"> & { readonly sql?: string } };

/** The plain members; faults are added where they are not what they must be. */
export function membersOf(given: PluginDeclaration, faults: Faults): Members {
  checkMembers(given, faults);
  const { name, version = 1, summary, stream, batch, merged } = given;
  if (typeof name !== "string" || !/^[a-z][a-z0-9_]{0,59}$/.test(name)) {
    faults.add(`name must be snake_case, got ${shown(name)}`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    faults.add(`version must be 1 or more, got ${shown(version)}`);
  }
  if (typeof summary !== "string") faults.add(`summary must be a text, got ${shown(summary)}`);
  const { grain = "hour", sql } = batch ?? {};
  faults.oneOf("batch.grain", grain, grains, `one of ${grains.join(", ")}`);
  if (sql !== undefined && (typeof sql !== "string" || sql.trim() === "")) {
    faults.add(`batch.sql must be a path below sql/ or SQL, got ${shown(sql)}`);
  }
  const { window = tumbling("10s") } = stream ?? {};
  const divides = (grainSeconds[grain] ?? 86400) % window.sizeSeconds === 0;
  if (!divides) {
    faults.add(
      `stream.window must divide the grain of ${grainSeconds[grain]} s, got ` +
        (window.sizeSeconds === undefined ? shown(window) : `${window.sizeSeconds} s`),
    );
  }
  return {
    name,
    version,
    summary,
    stream: { window, relation: relationOf(`stream_${name}`, stream?.relation) },
    batch: { sql, grain, relation: relationOf(`batch_${name}`, batch?.relation) },
    merged: { relation: relationOf(`merged_${name}`, merged?.relation) },
  };
}

const relationOf = (name: string, relation: Partial<Relation> = {}): Relation => ({
  name,
  ...relation,
});

function checkMembers(given: PluginDeclaration, faults: Faults): void {
  faults.unknownMembers("", given, known[""]);
  for (const group of ["stream", "batch", "merged", "present"] as const) {
    const members: unknown = given[group];
    if (members === undefined) continue;
    if (members === null || typeof members !== "object") {
      faults.add(`${group} must be an object, got ${shown(members)}`);
      continue;
    }
    faults.unknownMembers(group, members, known[group]);
    const relation = (members as { relation?: Partial<Relation> }).relation;
    if (relation === undefined) continue;
    faults.unknownMembers(`${group}.relation`, relation, relationMembers);
    if ("name" in relation && !/^[a-z][a-z0-9_]*$/.test(String(relation.name))) {
      faults.add(`${group}.relation.name must be snake_case, got ${shown(relation.name)}`);
    }
  }
}
