/** Whether the S3 store is as Twofold needs it. */
import { addressAdvice } from "./s3_address.ts";
import { createS3Client } from "./s3_client.ts";
import { S3Store, type S3StoreOptions } from "./s3_store.ts";
import { type Check, clockCheck, failed, fine } from "../ports/check.ts";

const ANSWER_MS = 5000;

/** Reaches the bucket, and puts, reads, lists and removes an object of its own. */
export async function* checkS3(
  options: S3StoreOptions,
  now: () => number,
): AsyncGenerator<Check> {
  const { endpoint, bucket } = options;
  const beforeMs = now();
  const answer = await fetch(endpoint, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() =>
    null
  );
  await answer?.body?.cancel();
  const server = answer?.headers.get("server") ?? "a server that does not tell its name";
  const { client, agent } = createS3Client(options);
  const store = new S3Store(client, agent, options);
  try {
    await store.check();
    yield fine("s3", `bucket "${bucket}" at ${endpoint}, ${server}`);
    yield await rightsCheck(store);
  } catch (error) {
    const advice = addressAdvice(options, error as Error) ??
      "see TWOFOLD_S3_ENDPOINT, _BUCKET, _PATH_STYLE and the keys; make the bucket";
    yield failed("s3", error, advice);
    return;
  } finally {
    store.close();
  }
  const date = Date.parse(answer?.headers.get("date") ?? "");
  if (!Number.isNaN(date)) yield clockCheck("s3 clock", date, [beforeMs, now()], 1000);
}

async function rightsCheck(store: S3Store): Promise<Check> {
  const name = `doctor/${crypto.randomUUID()}`;
  const bytes = new TextEncoder().encode("twofold\n");
  try {
    await store.put(name, bytes, { ifAbsent: true });
    const again = await store.put(name, bytes, { ifAbsent: true });
    const read = await store.get(name);
    const listed = await Array.fromAsync(store.list(name));
    await store.remove(name);
    if (again) {
      const advice = "use a store that knows if-none-match: run numbers would be given out twice";
      return failed("s3 rights", "the store ignores conditional puts", advice);
    }
    if (read?.length !== bytes.length || listed.length !== 1) {
      return failed(
        "s3 rights",
        "an object that was put is not found",
        "see what the store's log says",
      );
    }
    return fine("s3 rights", "objects can be put once, read, listed and removed");
  } catch (error) {
    return failed("s3 rights", error, "allow PutObject, GetObject, ListBucket and DeleteObject");
  }
}
