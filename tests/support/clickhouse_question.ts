/** ClickHouse's HTTP interface as anybody asks it, without a client. */
import { serverSetting } from "./server_settings.ts";

/** Options of {@link clickHouse}. */
export interface QuestionOptions {
  /** Default `default`. */
  readonly database?: string;
}

/** Rows of a statement without a FORMAT, from the test server. */
export async function clickHouse<Row = Record<string, unknown>>(
  sql: string,
  { database = "default" }: QuestionOptions = {},
): Promise<Row[]> {
  const [url, user, password] = ["URL", "USER", "PASSWORD"].map((name) =>
    serverSetting(`TWOFOLD_CLICKHOUSE_${name}`)
  );
  const settings = { output_format_json_quote_64bit_integers: "0", use_hive_partitioning: "1" };
  const response = await fetch(`${url}/?${new URLSearchParams({ database, ...settings })}`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` },
    body: `${sql} FORMAT JSONEachRow`,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`ClickHouse answered ${response.status}: ${text}`);
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
