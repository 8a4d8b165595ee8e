/** What builds and loads a site; pages have no use for it. */
export { type Bundle, bundleIslands, readBundle, writeBundle } from "./bundle.ts";
export { type BuildCache, setBuildCache } from "./app.ts";
export { loadBuildCache, type SiteFolder, type SiteOptions } from "./build_cache.ts";
export { type DevSite, openDevSite } from "./dev.ts";
