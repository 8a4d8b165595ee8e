import { S3Error } from "minio";
import { describe, expect, it } from "testing";
import { bucketUrl, s3Error } from "../../runtime/archive/s3_client.ts";
import { UserError } from "../../runtime/errors.ts";

const access = { bucket: "films", accessKey: "a", secretKey: "s" };

describe("bucketUrl()", () => {
  it("puts the bucket into the path, or into the host's name where that is wanted", () => {
    const endpoint = "https://s3.example.com:9000";
    expect(bucketUrl({ ...access, endpoint })).toBe("https://s3.example.com:9000/films/");
    expect(bucketUrl({ ...access, endpoint, pathStyle: false }))
      .toBe("https://films.s3.example.com:9000/");
  });
  it("refuses an endpoint with a path, a user or another protocol, and tells no password", () => {
    for (const endpoint of ["s3.example.com", "ftp://h", "http://u:pass@h", "http://h/bucket"]) {
      try {
        bucketUrl({ ...access, endpoint });
        throw new Error(`took ${endpoint}`);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        expect(String(error)).not.toContain("pass@");
      }
    }
  });
});

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
