import { UserError } from "../std/errors.ts";

const SEGMENT = /^[A-Za-z0-9._=-]+$/;
const GLOB_SEGMENT = /^[A-Za-z0-9._=,{}*-]+$/;

/** Whether a path segment may be part of an object's name. */
export function isNameSegment(segment: string): boolean {
  return SEGMENT.test(segment) && segment !== "." && segment !== "..";
}

/**
 * Checks an object's name: segments of `[A-Za-z0-9._=-]` with "/" between, no `.` and no `..`.
 *
 * @throws UserError when it is no such name.
 */
export function assertObjectName(name: string): void {
  if (name.split("/").every(isNameSegment)) return;
  throw new UserError(
    `Cannot use object name ${JSON.stringify(name)}: it must be segments of [A-Za-z0-9._=-] ` +
      'with "/" between, and neither "." nor ".."',
    { field: "name" },
  );
}

/**
 * Checks a glob of object names, which may have `*` and `{a,b}` besides.
 *
 * @throws UserError when it is none.
 */
export function assertObjectGlob(glob: string): void {
  const segments = glob.split("/");
  if (segments.every((segment) => GLOB_SEGMENT.test(segment) && !/^\.\.?$/.test(segment))) return;
  throw new UserError(
    `Cannot use glob ${JSON.stringify(glob)}: it must be segments of [A-Za-z0-9._=-], "*" and ` +
      '"{a,b}" with "/" between',
    { field: "glob" },
  );
}
