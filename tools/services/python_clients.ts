/** Python clients of Kafka and of Parquet files, from PyPI, in an environment of their own. */
import { join } from "node:path";
import { exists, requirePrograms, run } from "./service.ts";

/** None of them needs another package. */
const PACKAGES = ["confluent-kafka==2.16.1", "duckdb==2.0.1", "kafka-python==3.0.12"];

/**
 * Installs them, unless that was done before.
 *
 * @param cache where downloads and builds are kept.
 * @returns the interpreter that finds them.
 * @throws ServiceError when Python is missing or a package cannot be installed.
 */
export async function installPythonClients(cache: string): Promise<string> {
  const folder = join(cache, `python-${PACKAGES.join("-").replaceAll("==", "-")}`);
  const python = join(folder, "bin", "python");
  const whole = join(folder, "whole"); // written last
  if (await exists(whole)) return python;
  await requirePrograms("The tests of Python clients", [
    { name: "python3", debianPackage: "python3-venv" },
  ]);
  await run({ program: "python3", args: ["-m", "venv", "--clear", folder] });
  const args = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"];
  await run({ program: python, args: [...args, "--only-binary", ":all:", ...PACKAGES] });
  await Deno.writeTextFile(whole, "");
  return python;
}
