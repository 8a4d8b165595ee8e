/** What one check of doctor came to. */
export interface Check {
  readonly check: string;
  /** `warn`: it runs, but somebody should look. */
  readonly state: "ok" | "warn" | "fail";
  /** What was found, in words; several lines where there is a list. */
  readonly found: string;
  /** What to do next; null where nothing is to be done. */
  readonly advice: string | null;
}

/** A check that found nothing amiss. */
export const fine = (check: string, found: string): Check => ({
  ...{ check, state: "ok", found, advice: null },
});

/** A check that found a fault. */
export const failed = (check: string, error: unknown, advice: string | null): Check => ({
  ...{ check, state: "fail", found: wordsOf(error), advice },
});

/** What an error says. */
export const wordsOf = (error: unknown) => error instanceof Error ? error.message : String(error);
