import type { Config } from "../settings/config.ts";
import { messageOf, TwofoldError, UserError } from "../std/errors.ts";
import type { VerifyReport } from "../ports/services.ts";
import { ask, type Invocation } from "./invocation.ts";
import { operatorOf } from "./operator.ts";
import { openTarget } from "./open_target.ts";
import { plain } from "./table.ts";
import { counted, grouped, paint } from "./text.ts";
import type { Terminal, World } from "./world.ts";

/**
 * Verifies what is stored, by the running process or in the data folder itself; returns the exit
 * code: 1 when something is not what was written.
 */
export async function verifyCommand({ flags, config, world }: Invocation): Promise<number> {
  const report = await reportOf(flags.fast === true, config, world);
  const json = flags.json === true;
  world.out.write(
    json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, world.out),
  );
  return report.ok ? 0 : 1;
}

/** The report; data that cannot even be opened are a finding as well. */
async function reportOf(fast: boolean, config: Config, world: World): Promise<VerifyReport> {
  const owned = await world.readOwner(config.dataDir) !== null;
  let target;
  try {
    target = await openTarget(config, world, { start: false });
  } catch (error) {
    if (owned || !(error instanceof TwofoldError) || error.fault === "user") throw error;
    return unopened(fast, config.dataDir, error);
  }
  await using opened = target;
  return await opened.verify({ fast });
}

function unopened(fast: boolean, dataDir: string, error: TwofoldError): VerifyReport {
  return {
    ok: false,
    fast,
    manifests: 0,
    files: 0,
    bytes: 0,
    tables: 0,
    accepted: [],
    findings: [{
      code: codeOf(error),
      object: dataDir,
      damage: `it cannot be opened: ${messageOf(error)}`,
      advice: "Restore what the message names from a copy, then verify again",
    }],
  };
}

function codeOf({ message }: TwofoldError): VerifyReport["findings"][number]["code"] {
  if (/warehouse|ClickHouse/.test(message)) return "warehouse_damaged";
  return /sqlite|Cannot open log/.test(message) ? "log_damaged" : "archive_damaged";
}

/** The report for people. */
function reportText(report: VerifyReport, terminal: Terminal): string {
  const { manifests, files, bytes, tables, fast, findings, accepted } = report;
  const what = `${counted(manifests, "manifest")}, ${counted(files, "file")} of ` +
    `${grouped(Math.ceil(bytes / 2 ** 20))} MiB, ${counted(tables, "table")}`;
  const how = fast ? "names, sizes and counts" : "every byte";
  const lines = findings.map(({ object, damage, advice }) =>
    `${paint(terminal, "red", "damaged")}  ${plain(object)}\n` +
    `         ${plain(damage)}\n         → ${plain(advice)}\n`
  );
  const given = accepted.map(({ object, rows, reason, by, at }) =>
    `accepted ${plain(object)}, ${counted(rows, "row")}: ${plain(reason)} (${plain(by)}, ${at})\n`
  );
  const well = fast
    ? "names, sizes and counts are right; without --fast every byte is compared"
    : "everything is what was written";
  const end = findings.length === 0
    ? `${paint(terminal, "green", "ok")}  ${well}`
    : `${counted(findings.length, "finding")}`;
  return `Verified ${how}: ${what}\n${lines.join("")}${given.join("")}${end}\n`;
}

/** Goes on without a damaged file of the archive; returns the exit code. */
export async function verifyAcceptCommand(invocation: Invocation): Promise<number> {
  const { positionals: [object], flags, world } = invocation;
  const { reason, by: given } = flags as Record<string, string | undefined>;
  if (reason === undefined) {
    throw new UserError("Cannot accept damage: --reason must say why the loss is accepted", {
      field: "reason",
    });
  }
  const by = operatorOf(given, world, "Cannot accept damage");
  await ask(
    invocation,
    (target) => target.acceptDamage({ object, reason, by }),
    ({ rows }) => `Accepted the loss of ${counted(rows, "row")} in ${plain(object)}\n`,
  );
  return 0;
}
