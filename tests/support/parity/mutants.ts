import type { Patch } from "./engine_modules.ts";

/** An engine that is wrong on purpose in one way; the law of parity has to notice. */
export interface Mutant {
  readonly name: string;
  readonly plugin: string;
  /** With it the law fails within a few cases. */
  readonly seed: number;
  readonly patches: readonly Patch[];
}

/** Parity does not see this one: two runs have to be at work in the right places. */
export const claimBelowFloor: Pick<Mutant, "name" | "patches"> = {
  name: "a claim below the floor",
  patches: [{
    file: "runtime/batch/claims.ts",
    find: `return claim.run >= await this.floor();`,
    replace: `return true;`,
  }],
};

const pluginPartition = "runtime/speed/plugin_partition.ts";

/** The mutants: each undoes one decision that exactness stands on. */
export const mutants: readonly Mutant[] = [
  {
    name: "a repeat rule that remembers only counted occurrences",
    plugin: "hourly_stats",
    seed: 27,
    patches: [{
      file: "runtime/speed/repeats.ts",
      find: `        ring[r] = 0;
        this.#evict(slot);
        table[at = this.#find(entry, b)] = slot + 1;
        this.#write(slot, a, b, c, d);
        return 1;`,
      replace: `        this.#evict(slot);
        return 1;`,
    }],
  },
  {
    name: "a cut by time",
    plugin: "hourly_stats",
    seed: 5,
    patches: [{
      file: "runtime/serving/metric_parts.ts",
      find: `...fromWhere(query, cut),
    ...(tells`,
      replace: `...(query.layer === "speed" || part.run === null
      ? []
      : [\`(kind = 1 OR window_start >= (SELECT max(bucket) + INTERVAL 1 HOUR FROM \${tables.batch}
           WHERE level = \${BatchLevel.grain}))\`]),
    ...(tells`,
    }],
  },
  {
    name: "a version by wall clock",
    plugin: "hourly_stats",
    seed: 3,
    patches: [{
      file: pluginPartition,
      find: `encodeCells(writer, this.plugin, cells, changed, at);`,
      replace: `const version = BigInt(Math.round(performance.now() * 1000));
      encodeCells(writer, this.plugin, cells, changed, { ...at, version });`,
    }],
  },
  {
    name: "a frontier written apart from its rows",
    plugin: "hourly_stats",
    seed: 3,
    patches: [
      {
        file: pluginPartition,
        find: `const writer = new RowBinaryWriter();`,
        replace: `const writer = new RowBinaryWriter();
    const frontierWriter = new RowBinaryWriter();`,
      },
      {
        file: pluginPartition,
        find: `encodeFrontier(writer, this.plugin, at, cells);`,
        replace: `encodeFrontier(frontierWriter, this.plugin, at, cells);`,
      },
      {
        file: pluginPartition,
        find: `rows: writer.finish(),`,
        replace: `rows: writer.finish(),
      frontierRows: frontierWriter.finish(),`,
      },
      {
        file: "runtime/speed/flusher.ts",
        find:
          `await this.#options.warehouse.insert(into, concat(flushes.map(({ rows }) => rows)));`,
        replace: `await this.#options.warehouse
        .insert(into, concat(flushes.map((flush) => (flush as any).frontierRows)));
      const rows = concat(flushes.map((flush) => flush.rows));
      if (rows.length > 0) await this.#options.warehouse.insert(into, rows);`,
      },
    ],
  },
  {
    name: "dirty flags cleared before the acknowledgement",
    plugin: "hourly_stats",
    seed: 5,
    patches: [{
      file: pluginPartition,
      find: `for (const { cells, changed } of taken) cells.restoreDirty(changed);`,
      replace: ``,
    }],
  },
  {
    name: "two crossing runs",
    plugin: "hourly_stats",
    seed: 5,
    patches: [
      {
        file: "runtime/batch/run_plan.ts",
        find:
          `const floor = standings.map(({ pointer }) => pointer.cut).reduce(furthest, last?.cut ?? {});`,
        replace: `const floor = last === null ? {} : {};`,
      },
      {
        file: "runtime/batch/published_run.ts",
        find: `if ((await this.pointer()).run !== publication.base) return false;`,
        replace: ``,
      },
      {
        file: "runtime/batch/published_run.ts",
        find: `if (decided !== null && !ours) return false;`,
        replace: `if (decided !== null && !ours) {
        await this.#writePointer(publication);
        return true;
      }`,
      },
    ],
  },
  {
    name: "memory that answers though blocks have left it",
    plugin: "hourly_stats",
    seed: 7,
    patches: [{
      file: pluginPartition,
      find: `if (!whole || blocks[0].start > cut) return null;`,
      replace: `if (!whole) return null;`,
    }],
  },
  {
    name: "memory that counts what the batch covers",
    plugin: "hourly_stats",
    seed: 3,
    patches: [{
      file: pluginPartition,
      find: `blocks.filter(({ start }) => start >= cut)`,
      replace: `blocks`,
    }],
  },
  {
    name: "a horizon that ends where the log begins",
    plugin: "hourly_stats",
    seed: 1,
    patches: [{
      file: "runtime/speed/partition_pipeline.ts",
      find: `this.#primed = await this.#source.heldFrom(wanted > 0n ? wanted : 0n);`,
      replace: `const { start: first } = await this.#parts.log.bounds(this.partition);
      this.#primed = wanted > first ? wanted : first;`,
    }],
  },
  {
    name: "blocks of the archive without the ticks that ended them",
    plugin: "hourly_stats",
    seed: 1,
    patches: [{
      file: "runtime/archive/archived_records.ts",
      find: `const ticks = ticksIn(this.#root, part);`,
      replace: `const ticks = ticksIn(this.#root, part).slice(0, 0);`,
    }],
  },
  {
    name: "sessions whose beginning before the range is not read",
    plugin: "visits",
    seed: 5,
    patches: [{
      file: "runtime/serving/grain_ranges.ts",
      find: `Math.floor((from - joinedSeconds(plugin)) / step) * step`,
      replace: `from + 0 * step * joinedSeconds(plugin)`,
    }],
  },
  {
    name: "edges of whole grains",
    plugin: "hourly_stats",
    seed: 3,
    patches: [
      {
        file: "runtime/serving/grain_ranges.ts",
        find: `Math.ceil(from / grain)`,
        replace: `Math.floor(from / grain)`,
      },
      {
        file: "runtime/serving/grain_ranges.ts",
        find: `Math.floor(to / grain)`,
        replace: `Math.ceil(to / grain)`,
      },
    ],
  },
  {
    name: "edges from the cut on",
    plugin: "hourly_stats",
    seed: 3,
    patches: [{
      file: "runtime/serving/metric_parts.ts",
      find: `[...outside, fromCut(cut)]`,
      replace: `[...outside.slice(0, 0), fromCut(cut)]`,
    }],
  },
  {
    name: "grains that are all compared by the hour",
    plugin: "hourly_stats",
    seed: 4,
    patches: [{
      file: "runtime/sql/tables.ts",
      find: `bucketStartSql(grainSeconds[batch.grain], "window_start")`,
      replace: `bucketStartSql(3600 + 0 * grainSeconds[batch.grain], "window_start")`,
    }],
  },
  {
    name: "a glob in place of the list of files",
    plugin: "hourly_stats",
    seed: 1,
    patches: [{
      file: "runtime/archive/archive_relation.ts",
      find: "FROM ${from} WHERE ${isOneOf(own)}`",
      replace: "FROM ${from}`",
    }],
  },
];
