/** Dead letters: records that could not be decoded. They can be looked at, and sent again. */
import type { Page } from "../std/page_cursor.ts";

/** A record that could not be decoded. */
export interface DeadLetter {
  readonly topic: string;
  readonly log: string;
  readonly partition: number;
  readonly offset: string;
  /** ISO 8601. */
  readonly append_time: string;
  /** The field at fault; empty when it is the whole record. */
  readonly field: string;
  readonly reason: string;
  readonly size_bytes: number;
  /** The beginning of the record, at most 200 characters; bytes that are no UTF-8 as U+FFFD. */
  readonly preview: string;
  /** When it was last sent again as an event, ISO 8601; null where it never was. */
  readonly redriven: string | null;
}

/** A dead letter with its bytes. */
export interface WholeDeadLetter extends DeadLetter {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The record of one redrive of a letter. */
export interface Redrive {
  /** ISO 8601. */
  readonly at: string;
  readonly by: string;
  /** The fields that were set. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly event_id: string;
  /** ISO 8601, to the nanosecond. */
  readonly event_time: string;
  /** Whether the log took the event; false also where the process ended before it could note it. */
  readonly sent: boolean;
}

/** Which dead letters are meant, as text, straight from a request. */
export interface DeadLetterFilter {
  readonly topic?: string;
  readonly partition?: string;
  /** The field at fault. */
  readonly field?: string;
  /** Text that the reason contains, in upper or lower case. */
  readonly reason?: string;
  /** Append times, ISO 8601, `[from, to)`. */
  readonly from?: string;
  readonly to?: string;
  /** Offsets, `[from_offset, to_offset)`. */
  readonly from_offset?: string;
  readonly to_offset?: string;
}

/** The names of all filters. */
export const deadLetterFilters = [
  "topic",
  "partition",
  "field",
  "reason",
  "from",
  "to",
  "from_offset",
  "to_offset",
] as const satisfies readonly (keyof DeadLetterFilter)[];

/** Which dead letters to show. */
export interface DeadLetterQuery extends DeadLetterFilter {
  /** {@link Page.next} of the page before. */
  readonly after?: string;
  /** 1 to 1,000; default 50. */
  readonly limit?: string;
}

/** Dead letters of one cause. */
export interface DeadLetterReason {
  readonly topic: string;
  readonly field: string;
  /** What was expected: the reason without the value that came. */
  readonly reason: string;
  readonly letters: number;
  /** Append times of the first and the last of them, ISO 8601. */
  readonly first: string;
  readonly last: string;
}

/** Which dead letters to send again: those that are named, those that match, or all. */
export interface RedriveRequest extends DeadLetterFilter {
  /** `TOPIC/PARTITION/OFFSET` of each, at most 1,000. Excludes filters. */
  readonly letters?: readonly string[];
  /** Has to be true where neither letters nor a filter are given. */
  readonly all?: boolean;
  /**
   * Values of declared fields, in place of those that the records have. Text is read as the field's
   * type, and null stands for an absent value.
   */
  readonly set?: Readonly<Record<string, string | number | boolean | null>>;
  /** Only tells what would become of them. Default false. */
  readonly dry_run?: boolean;
  /** Name of the operator, which is recorded; may be left out of a dry run. */
  readonly by?: string;
}

/** What a redrive came to. */
export interface RedriveAnswer {
  readonly dry_run: boolean;
  /** Dead letters that were meant. */
  readonly letters: number;
  /** Those that decode as the request sets their fields, and were not sent with other values. */
  readonly decodable: number;
  /** Of these, the ones that were sent before, with the same values: their events count once. */
  readonly repeated: number;
  /** Events that the log took; 0 in a dry run. */
  readonly sent: number;
  /** The first hundred letters that cannot be sent, and why. */
  readonly refused: readonly {
    /** `TOPIC/PARTITION/OFFSET`. */
    readonly letter: string;
    readonly field: string;
    readonly reason: string;
  }[];
  readonly refused_total: number;
  /** Reaches it when all events that were sent are counted: for `wait_for`. */
  readonly frontier: string;
}

/** Where a record is, as text. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
}

/** Looks into the dead letters, and sends them again. */
export interface DeadLetters {
  /** The newest first. @throws UserError naming the field. */
  list(query: DeadLetterQuery, signal?: AbortSignal): Promise<Page<DeadLetter>>;
  /** What is wrong with them, at most 100 causes, the most frequent first. @throws as `list`. */
  reasons(filter: DeadLetterFilter, signal?: AbortSignal): Promise<DeadLetterReason[]>;
  /** All of them with their bytes, part by part, in the order of the log. @throws as `list`. */
  each(filter: DeadLetterFilter, signal?: AbortSignal): AsyncGenerator<WholeDeadLetter[]>;
  /**
   * One with its bytes and its redrives, the newest first.
   *
   * @throws NotFoundError when there is none; UserError naming the field.
   */
  one(
    at: RecordPlace,
    signal?: AbortSignal,
  ): Promise<WholeDeadLetter & { readonly redrives: readonly Redrive[] }>;
  /**
   * Sends dead letters again as events, through the door of all events. An event counts once, however
   * often its letter is sent: it has the id and time of the record, or of the first redrive.
   *
   * @throws NotFoundError for a named letter that does not exist; UserError naming the field.
   */
  redrive(request: RedriveRequest, signal?: AbortSignal): Promise<RedriveAnswer>;
}
