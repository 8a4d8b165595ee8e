/** Records of the log as a table. */
import type { RecordView } from "../../runtime/ports/services.ts";
import { instantText } from "./figures.ts";

/** Each record leads to a page of its own. */
export function RecordTable({ records, label }: {
  readonly records: readonly RecordView[];
  readonly label: string;
}) {
  return (
    <div class="scroll tail" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col">Offset</th>
            <th scope="col">Appended (UTC)</th>
            <th scope="col">Kind</th>
            <th scope="col">Record</th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={`${record.topic} ${record.partition} ${record.offset}`}>
              <td>{record.partition}</td>
              <td>
                <a href={pathOf(record)}>{record.offset}</a>
              </td>
              <td>{instantText(record.append_time)}</td>
              <td>{record.kind}</td>
              <td>
                <code>{record.text.slice(0, 300)}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function pathOf({ kind, topic, partition, offset }: RecordView): string {
  const page = kind === "dead-letter" ? "dead-letters" : "log";
  return `/${page}/${encodeURIComponent(topic)}/${partition}/${offset}`;
}
