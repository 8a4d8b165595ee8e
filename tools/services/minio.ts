/** MinIO, an S3 server, built from its Go module. */
import { Client } from "minio";
import { join } from "node:path";
import { exists, run, type Service } from "./service.ts";

/** The release of 2026-02-12, the last of its community edition. */
const VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c";
const BUCKET = "twofold";

/** A real S3 server. */
export const minio: Service = {
  name: "minio",
  title: `MinIO ${VERSION}`,
  needs: [{ name: "go", debianPackage: "golang-go" }],
  innerPortCount: 0,
  hasPassword: true,
  async install(cache) {
    const folder = folderIn(cache);
    if (await exists(join(folder, "minio"))) return;
    await Deno.mkdir(folder, { recursive: true });
    await run({
      program: "go",
      args: ["install", "-trimpath", `github.com/minio/minio@${VERSION}`],
      env: { GOBIN: folder },
    });
  },
  async launch(cache, data, { port, user, password }) {
    await Deno.mkdir(data, { recursive: true });
    return {
      program: join(folderIn(cache), "minio"),
      args: ["server", data, "--address", `127.0.0.1:${port}`, "--quiet"],
      env: {
        MINIO_ROOT_USER: user,
        MINIO_ROOT_PASSWORD: password,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        MINIO_CI_CD: "1",
      },
    };
  },
  async isReady({ port }) {
    const answer = await fetch(`http://127.0.0.1:${port}/minio/health/ready`);
    await answer.body?.cancel();
    return answer.ok;
  },
  async started({ port, user, password }) {
    const client = new Client({
      endPoint: "127.0.0.1",
      port,
      useSSL: false,
      accessKey: user,
      secretKey: password,
    });
    if (!await client.bucketExists(BUCKET)) await client.makeBucket(BUCKET);
  },
  settings: ({ port, user, password }) => ({
    TWOFOLD_S3_ENDPOINT: `http://127.0.0.1:${port}`,
    TWOFOLD_S3_BUCKET: BUCKET,
    TWOFOLD_S3_ACCESS_KEY: user,
    TWOFOLD_S3_SECRET_KEY: password,
  }),
};

function folderIn(cache: string): string {
  return join(cache, `minio-${VERSION}`);
}
