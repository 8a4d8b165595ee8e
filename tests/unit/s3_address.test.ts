import { describe, expect, it } from "testing";
import { addressAdvice, bucketUrl } from "../../runtime/archive/s3_address.ts";
import { createS3Client } from "../../runtime/archive/s3_client.ts";
import { UserError } from "../../runtime/std/errors.ts";

const bucket = "films";

function refusal(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("expected an error, got a result");
}

describe("bucketUrl()", () => {
  it("puts the bucket into the path, or into the host's name where that is wanted", () => {
    const endpoint = "https://s3.example.com:9000";
    expect(bucketUrl({ bucket, endpoint })).toBe("https://s3.example.com:9000/films/");
    expect(bucketUrl({ bucket, endpoint, pathStyle: false }))
      .toBe("https://films.s3.example.com:9000/");
  });
  it("has a bucket in the host's name where ClickHouse finds it there", () => {
    const known = ["s3.eu-west-1.amazonaws.com", "s3-accesspoint.example.com", "oss.example.com"];
    for (const host of [...known, "cos.ap-x.example.com", "s3.localhost:9000"]) {
      const address = { bucket, endpoint: `http://${host}`, pathStyle: false };
      expect(bucketUrl(address)).toBe(`http://films.${host}/`);
    }
    for (const host of ["minio.example.com", "localhost:9000", "a.s3.example.com", "s3"]) {
      const address = { bucket, endpoint: `http://${host}`, pathStyle: false };
      expect(refusal(() => bucketUrl(address)).message).toContain("TWOFOLD_S3_PATH_STYLE");
      const keys = { accessKey: "a", secretKey: "s" };
      refusal(() => createS3Client({ ...address, ...keys })); // at the start, not at the first batch
    }
  });
  it("has no bucket in the path of a host whose name ClickHouse takes for a bucket's", () => {
    const at = (host: string) => () => bucketUrl({ bucket, endpoint: `http://${host}` });
    expect(refusal(at("eu.s3.example.com")).message).toMatch(/takes "eu".*by another name/);
    expect(at("bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com")())
      .toBe("http://bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com/films/");
    expect(at("10.0.0.1:9000")()).toBe("http://10.0.0.1:9000/films/");
  });
  it("has no bucket with dots in the host's name by TLS, which the client would not ask either", () => {
    const dotted = { bucket: "our.films", pathStyle: false };
    expect(bucketUrl({ ...dotted, endpoint: "http://s3.example.com" }))
      .toBe("http://our.films.s3.example.com/");
    expect(refusal(() => bucketUrl({ ...dotted, endpoint: "https://s3.example.com" })).message)
      .toContain("no certificate covers");
  });
  it("refuses an endpoint with a path, a user or another protocol, and tells no password", () => {
    for (const endpoint of ["s3.example.com", "ftp://h", "http://u:pass@h", "http://h/bucket"]) {
      expect(String(refusal(() => bucketUrl({ bucket, endpoint })))).not.toContain("pass@");
    }
  });
});

describe("addressAdvice()", () => {
  const endpoint = "https://s3.example.com";
  it("tells of the host's name where the store wants it, and else has none for the path", () => {
    const advice = (message: string) => addressAdvice({ bucket, endpoint }, new Error(message));
    expect(advice("Please use virtual hosted style. (S3 code SecondLevelDomainForbidden)"))
      .toContain("TWOFOLD_S3_PATH_STYLE=false");
    expect(advice("Access Denied. (S3 code AccessDenied)")).toBe(null);
    expect(advice("getaddrinfo ENOTFOUND s3.example.com")).toBe(null);
  });
});
