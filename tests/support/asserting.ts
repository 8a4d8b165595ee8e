import { expect } from "expect";

/**
 * Runs a test's body, and fails a test that asserts nothing: it could not fail, for example where all
 * its assertions are in a loop over a list that is empty.
 */
export async function asserting(name: string, body: () => void | Promise<void>): Promise<void> {
  const before = expect.getState().assertionCalls;
  try {
    await body();
  } catch (error) {
    // In the log of CI the reason is beside the test, and not only at the end of the run.
    if (Deno.env.get("CI")) console.error(`${name}: ${error}`.slice(0, 2000));
    throw error;
  }
  if (expect.getState().assertionCalls > before) return;
  throw new Error(`Test "${name}" must assert something, and called no matcher of expect()`);
}
