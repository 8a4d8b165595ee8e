/**
 * Proves that the OpenAPI document is good for a client: generates TypeScript types of a running
 * process's document (openapi-typescript), type-checks a program that talks through them
 * (openapi-fetch) and lets it make a round trip. The packages go into a temporary folder.
 *
 * Run: `deno run -A tools/check_client.ts http://127.0.0.1:8000`
 */
const [url] = Deno.args;
if (url === undefined) {
  console.error("Usage: deno run -A tools/check_client.ts URL");
  Deno.exit(2);
}
const folder = await Deno.makeTempDir({ prefix: "twofold-client-" });

const program = `import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

const client = createClient<paths, \`application/\${string}\`>({ baseUrl: Deno.args[0] });
const wrong = (what: string): never => {
  throw new Error("Unexpected: " + what);
};

const event = {
  event_id: "client-" + crypto.randomUUID(),
  user_id: 4_000_000_001,
  movie_id: 4_000_000_002,
  event_type: "view",
  timestamp: "2020-02-02T02:02:02Z",
};
const sent = await client.POST("/api/v1/events", {
  body: JSON.stringify(event),
  bodySerializer: (body) => body,
  headers: { "content-type": "application/x-ndjson" },
});
if (sent.data?.accepted !== 1) wrong("events: " + JSON.stringify(sent.error));
const movie_id = String(event.movie_id);
const views = await client.GET("/api/v1/metrics/{name}", {
  params: {
    path: { name: "popular_movies" },
    query: { layer: "merged", limit: 3, wait_for: sent.data!.frontier, movie_id },
  },
});
const [row] = views.data?.rows ?? [];
if (!(Number(row?.view_count) >= 1)) wrong("rows: " + JSON.stringify(views.error ?? views.data));
const columns: { name: string; type: string }[] = views.data!.columns;
if (columns.length !== 2) wrong("columns");
const series = await client.GET("/api/v1/metrics/{name}/series", {
  params: { path: { name: "popular_movies" }, query: { max_points: 10, movie_id } },
});
const total = series.data?.series[0].values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
if (total !== row.view_count) wrong("series: " + JSON.stringify(series.error ?? series.data));
const put = await client.PUT("/api/v1/catalogs/{name}", {
  params: { path: { name: "movies" } },
  body: JSON.stringify([{ movie_id: event.movie_id, title: "A client's film", genres: ["Short"] }]),
  bodySerializer: (body) => body,
  headers: { "content-type": "application/json" },
});
if (put.data?.rows !== 1) wrong("catalog: " + JSON.stringify(put.error));
const refused = await client.GET("/api/v1/metrics/{name}", {
  params: { path: { name: "popular_movies" }, query: { limit: 0 } },
});
if (refused.error?.field !== "limit") wrong("fault: " + JSON.stringify(refused));
const sql = await client.POST("/api/v1/sql", { body: { sql: "SELECT title FROM movies" } });
if (sql.data?.rows[0].title !== "A client's film") wrong("sql: " + JSON.stringify(sql.error));
console.log("a generated client type-checks and makes a round trip");
`;

/** Runs a program in the folder, with its output shown only when it fails. */
async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: folder })
    .output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  console.error(text + new TextDecoder().decode(stderr));
  throw new Error(`Cannot check the client: ${command} ${args.join(" ")} failed`);
}

try {
  const imports = { "openapi-fetch": "npm:openapi-fetch@0.17.0" };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
  await Deno.writeTextFile(`${folder}/client.ts`, program);
  const document = await (await fetch(`${url}/api/v1/openapi.json`)).text();
  await Deno.writeTextFile(`${folder}/openapi.json`, document);
  await run("npx", "-y", "openapi-typescript@7.13.0", "openapi.json", "-o", "api.ts");
  await run(Deno.execPath(), "check", "client.ts");
  console.log((await run(Deno.execPath(), "run", "--allow-net", "client.ts", url)).trim());
} finally {
  await Deno.remove(folder, { recursive: true });
}
