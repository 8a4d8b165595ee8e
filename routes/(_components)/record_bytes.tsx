/** A record as it came: its text and its bytes. */
import { bytesText } from "../(_parts)/figures.ts";

/** Shown bytes at most; all of them are one link away. */
const SHOWN_BYTES = 4096;
const LINE_BYTES = 16;

/** @param props.label names the links below for assistive technology. */
export function RecordBytes({ bytes, url, label }: {
  readonly bytes: Uint8Array;
  readonly url: URL;
  readonly label: string;
}) {
  const shown = bytes.subarray(0, SHOWN_BYTES);
  return (
    <>
      <section aria-labelledby="text">
        <h2 id="text">Text</h2>
        <pre tabIndex={0}><code>{new TextDecoder().decode(shown)}</code></pre>
      </section>
      <section aria-labelledby="bytes">
        <h2 id="bytes">Bytes</h2>
        <pre tabIndex={0}><code>{hexOf(shown)}</code></pre>
        {bytes.length > shown.length && (
          <p class="note">First {bytesText(SHOWN_BYTES)} of {bytesText(bytes.length)}.</p>
        )}
        <nav class="pager" aria-label={label}>
          <a href={`/api/v1${url.pathname.replace(/^\/log\//, "/events/")}`}>Full record as JSON</a>
        </nav>
      </section>
    </>
  );
}

/** Bytes as lines of offset, hexadecimal digits and printable characters. */
function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = [...bytes.subarray(at, at + LINE_BYTES)];
    const digits = line.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = line.map((byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".");
    const offset = at.toString(16).padStart(6, "0");
    lines.push(`${offset}  ${digits.padEnd(LINE_BYTES * 3 - 1)}  ${text.join("")}`);
  }
  return lines.join("\n");
}
