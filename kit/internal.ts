/** What loads a site; pages have no use for it. */
export { type Bundle, readBundle } from "./bundle.ts";
export { type BuildCache, setBuildCache } from "./app.ts";
export { loadBuildCache, type SiteFolder, type SiteOptions } from "./build_cache.ts";
