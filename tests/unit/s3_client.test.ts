import { S3Error } from "minio";
import { describe, expect, it } from "testing";
import { s3Error } from "../../runtime/archive/s3_client.ts";

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
