/** What plugins import as "twofold": the schema and plugin contracts, nothing else. */
export * from "./catalog.ts";
export * from "./define_plugin.ts";
export * from "./events.ts";
export * from "./expressions/mod.ts";
export * from "./plugin.ts";
export * from "./row_format.ts";
export * from "./source.ts";
