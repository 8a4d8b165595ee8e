/** Read-only SQL. */
import type { Services } from "../../runtime/services.ts";
import type { Asked } from "./route.ts";
import { objectOf } from "./request_body.ts";
import { sqlQuestion } from "./schemas.ts";

/** `POST /api/v1/sql` */
export async function runSql({ sql: console }: Services, { c, signal, maxBodyBytes }: Asked) {
  const { sql, limit } = await objectOf(sqlQuestion, c.req.raw, maxBodyBytes);
  const answer = await console.query(sql, { limit, signal });
  return { ...answer, columns: [...answer.columns], rows: [...answer.rows] };
}
