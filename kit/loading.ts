/** Loads a site and hands it to its app; imported as "kit/loading" by what starts a server. */
export { type Bundle, MANIFEST, readBundle } from "./bundle.ts";
export { type BuildCache, setBuildCache } from "./app.ts";
export { islandName, loadBuildCache, siteFiles } from "./build_cache.ts";
export type { SiteFolder, SiteOptions } from "./build_cache.ts";
