/** Events of the batch layer's tests. */

/** The one log. */
export const LOG = "local-1";

/** One event as the archive holds it. */
export interface ArchivedEvent {
  readonly id: string;
  /** Event time in milliseconds since 1970 UTC. */
  readonly ms: number;
  readonly user: number;
  readonly movie: number;
  readonly duration: number | null;
}

/** An hour of the n-th day from 2013-07-20 on, in milliseconds since 1970 UTC. */
export function day(n: number, hour = 0): number {
  return Date.parse("2013-07-20T00:00:00Z") + (n * 24 + hour) * 3.6e6;
}

let ids = 0;

/** An event of day 0, with an identity that no other has, but for what is given. */
export function event(part: Partial<ArchivedEvent> = {}): ArchivedEvent {
  return { id: `e${++ids}`, ms: day(0), user: 1, movie: 10, duration: 1.5, ...part };
}
