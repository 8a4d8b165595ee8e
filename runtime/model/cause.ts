import { DamagedError, LogFailedError, type Part, TwofoldError } from "../std/errors.ts";
import type { ProblemCode } from "./problem_code.ts";

/** A problem that makes other work fail. */
export interface Cause {
  readonly code: ProblemCode;
  readonly subject: string;
  readonly message: string;
}

/** How damage to an object is reported, by the object's name. */
const DAMAGE: readonly (readonly [object: RegExp, code: ProblemCode])[] = [
  [/^table /, "warehouse_damaged"],
  [/^log\//, "log_damaged"],
  [/^/, "archive_damaged"],
];

/**
 * The known damage or outage by which work failed. Everything that fails by one cause is one problem.
 *
 * @param error what was caught, and what it wraps.
 * @returns null for a fault of the work itself.
 * @example
 * ```ts
 * import { DamagedError } from "../std/errors.ts";
 * import { causeOf } from "./cause.ts";
 * const cause = causeOf(new DamagedError("views/runs/0000000001.json", "it is not JSON"));
 * if (cause?.code !== "archive_damaged") throw new Error("unexpected");
 * if (causeOf(new Error("division by zero")) !== null) throw new Error("unexpected");
 * ```
 */
export function causeOf(error: unknown): Cause | null {
  if (!(error instanceof Error)) return null;
  const { message } = error;
  if (error instanceof DamagedError) {
    const [, code] = DAMAGE.find(([object]) => object.test(error.object))!;
    return { code, subject: error.object, message };
  }
  if (error instanceof LogFailedError) {
    return { code: "log_failed", subject: error.topic ?? "log", message };
  }
  const part = error instanceof TwofoldError ? error.part : undefined;
  return part === undefined ? causeOf(error.cause) : { ...outageOf(part), message };
}

/**
 * The error of several that decides where their failure is filed: the first without a known cause.
 */
export function ownFault(errors: readonly unknown[]): unknown {
  return errors.find((error) => causeOf(error) === null) ?? errors[0];
}

const outageOf = (part: Part): Omit<Cause, "message"> =>
  part === "disk"
    ? { code: "disk_full", subject: "data folder" }
    : { code: "part_unreached", subject: part };
