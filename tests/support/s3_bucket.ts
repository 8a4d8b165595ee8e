/** Prefixes of the test server's bucket: each test has a store of its own. */
import { systemClock } from "../../runtime/std/clock.ts";
import { openS3Store, type S3Store, type S3StoreOptions } from "../../runtime/archive/s3_store.ts";
import { serverSetting } from "./server_settings.ts";

/** How the test server is reached, with a new prefix. */
export function s3Options(): S3StoreOptions {
  return {
    endpoint: serverSetting("TWOFOLD_S3_ENDPOINT"),
    bucket: serverSetting("TWOFOLD_S3_BUCKET"),
    accessKey: serverSetting("TWOFOLD_S3_ACCESS_KEY"),
    secretKey: serverSetting("TWOFOLD_S3_SECRET_KEY"),
    prefix: `test-${crypto.randomUUID()}`,
    clock: systemClock,
  };
}

/** Opens an empty store on the test server. */
export function openTestStore(options: Partial<S3StoreOptions> = {}): Promise<S3Store> {
  return openS3Store({ ...s3Options(), ...options });
}
