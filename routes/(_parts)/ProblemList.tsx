/** What Twofold cannot vouch for, where a person looks. */
import type { Consequence, Problem } from "../../runtime/model/problems.ts";
import { instantText } from "./figures.ts";

/** The problems as a list under a heading; hidden when there are none. */
export function ProblemList({ problems }: { readonly problems: readonly Problem[] }) {
  return (
    <div class="problems" role="status" hidden={problems.length === 0}>
      <h2>Needs attention</h2>
      <ul>
        {problems.map(({ code, subject, message, since, affects = [] }) => (
          <li key={`${code} ${subject}`}>
            {message} <small>Since {instantText(since)} UTC.{affectedText(affects)}</small>
          </li>
        ))}
      </ul>
    </div>
  );
}

const affectedText = (affects: readonly Consequence[]) =>
  affects.length === 0
    ? ""
    : ` Affects ${affects.map(({ code, subject }) => `${code} (${subject})`).join(", ")}.`;
