/** What plugins import as "twofold": the schema and plugin contracts, nothing else. */
export * from "./catalog.ts";
export * from "./events.ts";
export * from "./plugin.ts";
