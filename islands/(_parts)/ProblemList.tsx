/** What Twofold cannot vouch for, where a person looks. */
import type { Problem } from "../../runtime/model/problems.ts";
import { instantText } from "./figures.ts";

/** The problems as a list under a heading; hidden when there are none. */
export function ProblemList({ problems }: { readonly problems: readonly Problem[] }) {
  return (
    <div class="problems" role="status" hidden={problems.length === 0}>
      <h2>Needs attention</h2>
      <ul>
        {problems.map(({ code, subject, message, since }) => (
          <li key={`${code} ${subject}`}>
            {message} <small>Since {instantText(since)} UTC.</small>
          </li>
        ))}
      </ul>
    </div>
  );
}
