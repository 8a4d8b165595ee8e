/** Certificates for servers on loopback, made by openssl. */
import { join } from "node:path";
import { requirePrograms, run } from "../../tools/services/service.ts";

/** Files of PEM text in one folder. */
export interface Certificates {
  /** The authority's. */
  readonly ca: string;
  /** The server's, signed by it. */
  readonly certificate: string;
  readonly key: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Makes an authority and a server's certificate.
 *
 * @param names what the server is reached by: `IP:127.0.0.1`, `DNS:localhost`.
 */
export async function makeCertificates(dir: string, names: string): Promise<Certificates> {
  await requirePrograms("This test", [{ name: "openssl", debianPackage: "openssl" }]);
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => run({ program: "openssl", args });
  await Deno.writeTextFile(at("names.txt"), `subjectAltName=${names}\n`);
  await openssl(
    ...["req", "-x509", ...KEY, "-days", "2", "-subj", "/CN=Authority of a test"],
    ...["-keyout", at("ca.key"), "-out", at("ca.pem")],
  );
  await openssl(
    ...["req", ...KEY, "-subj", "/CN=Server of a test"],
    ...["-keyout", at("server.key"), "-out", at("server.csr")],
  );
  await openssl(
    ...["x509", "-req", "-days", "2", "-in", at("server.csr"), "-extfile", at("names.txt")],
    ...["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-out", at("server.pem")],
  );
  return { ca: at("ca.pem"), certificate: at("server.pem"), key: at("server.key") };
}
