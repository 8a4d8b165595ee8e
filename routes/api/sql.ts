/** Read-only SQL. */
import type { Services } from "../../runtime/services.ts";
import { Problem } from "./problem.ts";
import type { Asked } from "./route.ts";
import { smallObject } from "./request_body.ts";
import { sqlQuestion } from "./schemas.ts";

/** `POST /api/v1/sql` */
export async function runSql({ sql: console }: Services, { c, signal, maxBodyBytes }: Asked) {
  const body = sqlQuestion.safeParse(await smallObject(c.req.raw, maxBodyBytes));
  if (!body.success) {
    const [issue] = body.error.issues;
    const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    const field = unknown ?? (issue.path.join(".") || "body");
    throw new Problem("invalid-request", `${field}: ${issue.message}`, { field });
  }
  const { sql, limit } = body.data;
  const answer = await console.query(sql, { limit, signal });
  return { ...answer, columns: [...answer.columns], rows: [...answer.rows] };
}
