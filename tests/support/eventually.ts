/** Waiting for what another part of the system does: by looking, never by a fixed sleep. */

/** Options of {@link eventually}. */
export interface EventuallyOptions {
  /** How long to look, in milliseconds. Default 60,000: a busy machine is slow. */
  readonly deadlineMs?: number;
  /**
   * The least pause between two looks, in milliseconds. Default 20. After a look that took long the
   * pause is longer, up to a second: looking must not hold up what is waited for.
   */
  readonly pauseMs?: number;
}

/**
 * Looks until `holds` says yes.
 *
 * @param what is waited for, in words: for the message.
 * @param look reads the state; what it throws counts as not yet.
 * @returns the state that held.
 * @throws Error telling the last state when the deadline has passed.
 */
export async function eventually<State>(
  what: string,
  look: () => Promise<State> | State,
  holds: (state: State) => boolean = Boolean,
  { deadlineMs = 60_000, pauseMs = 20 }: EventuallyOptions = {},
): Promise<State> {
  const endMs = Date.now() + deadlineMs;
  let last: unknown;
  while (true) {
    const fromMs = Date.now();
    try {
      const state = await look();
      if (holds(state)) return state;
      last = JSON.stringify(state, (_, value) => typeof value === "bigint" ? `${value}` : value);
    } catch (error) {
      last = error;
    }
    if (Date.now() > endMs) throw new Error(`Waited ${deadlineMs} ms for ${what}, last: ${last}`);
    const restMs = Math.min(1000, 3 * (Date.now() - fromMs));
    await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, restMs)));
  }
}
