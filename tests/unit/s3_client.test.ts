import { S3Error } from "minio";
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "testing";
import { createS3Client, s3Error } from "../../runtime/archive/s3_client.ts";

describe("s3Error()", () => {
  it("may be tried again where the store is full", () => {
    for (const code of ["XMinioStorageFull", "QuotaExceeded", "SlowDown"]) {
      const refusal = Object.assign(new S3Error("full"), { code });
      expect(s3Error("put", refusal).retriable).toBe(true);
    }
    const refusal = Object.assign(new S3Error("denied"), { code: "AccessDenied" });
    expect(s3Error("put", refusal).retriable).toBe(false);
  });
  it("may be tried again unless the store itself refused", () => {
    expect(s3Error("put", new Error("socket hang up")).retriable).toBe(true);
    expect(s3Error("put", new Error("Retryable HTTP status: 503")).message).toContain("Cannot put");
  });
});

describe("createS3Client()", () => {
  it("frees the socket of an answer that says no more than try again", async () => {
    let sockets = 0;
    const server = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(503).end("x".repeat(100_000)));
    }).on("connection", () => sockets++);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { client, agent } = createS3Client({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      bucket: "bucket",
      accessKey: "key",
      secretKey: "secret",
    });
    try {
      // More than there are sockets: the last ones would wait for the time-out of the first.
      for (let i = 0; i < 20; i++) {
        const put = client.putObject("bucket", "object", Buffer.from("body"));
        expect(await put.then(() => "", String)).toContain("503");
      }
      expect(sockets).toBeLessThan(16);
    } finally {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });
});
