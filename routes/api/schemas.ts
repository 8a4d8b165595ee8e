/** The shapes of questions and answers: types for the routes, and the OpenAPI document. */
export * from "./schemas/batch.ts";
export * from "./schemas/catalogs.ts";
export * from "./schemas/metrics.ts";
export * from "./schemas/process.ts";
export * from "./schemas/records.ts";
export * from "./schemas/search.ts";
export * from "./schemas/sql.ts";
export { column, problem, row, standingProblem } from "./schemas/parts.ts";
