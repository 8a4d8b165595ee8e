/** A record of a log on a page of its own: where it is, facts about it, and its bytes. */
import { Head } from "fresh/runtime";
import type { ComponentChildren } from "preact";
import { bytesText, instantText } from "../(_parts)/figures.ts";
import { RecordBytes } from "./record_bytes.tsx";

/** What {@link RecordPage} takes. */
export interface RecordPageProps {
  /** What the record is: `Record`, `Dead letter`. */
  readonly kind: string;
  /** The page that lists such records. */
  readonly list: { readonly title: string; readonly path: string };
  readonly record: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
    /** ISO 8601. */
    readonly append_time: string;
    readonly bytes: Uint8Array;
  };
  /** Why it could not be decoded. */
  readonly reason?: string;
  /** Facts beside those that every record has. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** In bytes. */
  readonly size: number;
  readonly url: URL;
  /** Shown between the facts and the bytes. */
  readonly children: ComponentChildren;
}

/** The page. */
export function RecordPage(props: RecordPageProps) {
  const { kind, list, record, reason, facts, size, url, children } = props;
  const { topic, partition, offset, append_time, bytes } = record;
  const all: RecordPageProps["facts"] = [
    ["Topic", topic],
    ["Partition", String(partition)],
    ["Offset", offset],
    ["Appended (UTC)", instantText(append_time)],
    ...facts,
    ["Size", bytesText(size)],
  ];
  return (
    <>
      <Head>
        <title>{kind} {partition}/{offset} · Twofold</title>
      </Head>
      <div class="heading">
        <p>
          <a href={list.path}>{list.title}</a>
        </p>
        <h1>{kind} {partition}/{offset}</h1>
        {reason !== undefined && <p class="fault">{reason}</p>}
      </div>
      <dl class="facts">
        {all.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {children}
      <RecordBytes bytes={bytes} url={url} label={`This ${kind.toLowerCase()}`} />
    </>
  );
}
