/** What loads a site; pages have no use for it. */
export { type Bundle, MANIFEST, readBundle } from "./bundle.ts";
export { type BuildCache, setBuildCache } from "./app.ts";
export { loadBuildCache, siteFiles, type SiteFolder, type SiteOptions } from "./build_cache.ts";
