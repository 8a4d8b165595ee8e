import { createDefine, HttpError } from "fresh";
import { UserError } from "../../runtime/std/errors.ts";
import type { Services } from "../../runtime/ports/services.ts";
import type { Guard } from "./guard.ts";

/** What every route may use. */
export interface State {
  services: Services;
  /** Answers what belongs to the HTTP interface. */
  api: (request: Request) => Response | Promise<Response>;
  /** Who may do what. */
  guard: Guard;
  /** `light` or `dark` where the reader chose one; null follows the system. */
  theme: string | null;
  /** Aborts when the reader leaves, or when a page has taken too long. */
  signal: AbortSignal;
}

/** Declares pages, handlers, layouts and middlewares. */
export const define = createDefine<State>();

/** A fault as a sentence for people; what is internal is not told. */
export function faultText(error: unknown, signal: AbortSignal): string {
  if (error instanceof Error && "fault" in error && error.fault !== "internal") {
    return error.message;
  }
  return signal.aborted
    ? "The warehouse did not answer in time. Reload the page to retry."
    : "The warehouse cannot answer. See the server log for details.";
}

/** What an address names. @throws {HttpError} 404 with the reason where it names nothing. */
export async function namedOr404<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new HttpError(404, error.message, { cause: error });
  }
}

/**
 * The outcome of a question: its answer, or its fault, and the parameter at fault where it is
 * one.
 */
export type Outcome<Answer> =
  | { readonly answer: Answer; readonly fault: null; readonly parameter: null }
  | { readonly answer: null; readonly fault: string; readonly parameter: string | null };

/** Asks, and takes a fault as an answer: one part of a page never takes the rest with it. */
export async function outcomeOf<Answer>(
  asked: Promise<Answer>,
  signal: AbortSignal,
): Promise<Outcome<Answer>> {
  try {
    return { answer: await asked, fault: null, parameter: null };
  } catch (error) {
    const parameter = error instanceof UserError ? error.field ?? null : null;
    return { answer: null, fault: faultText(error, signal), parameter };
  }
}
