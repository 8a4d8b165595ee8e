import { afterAll, beforeAll, describe, expect, it } from "testing";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { root } from "../support/running_engine.ts";
import { runCommand } from "../support/command.ts";
import { fakeWorld } from "../support/fake_world.ts";

describe("twofold new", () => {
  let dir: string;
  const run = async (
    args: readonly string[],
    ask: ((question: string) => string) | null = null,
  ) => {
    const world = fakeWorld({
      ask: ask === null ? null : (question, standard) => ask(question) || standard,
    });
    const code = await runCommandLine(["new", ...args, "--plugins", dir], world);
    return { code, out: world.out.text(), err: world.err.text() };
  };
  const read = (name: string) => Deno.readTextFile(`${dir}/${name}`);
  const deno = async (...args: string[]) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: dir }).output();
    return { code, err: new TextDecoder().decode(stderr) };
  };

  beforeAll(async () => {
    dir = `${await Deno.makeTempDir({ prefix: "new-plugin-" })}/ours`;
  });
  afterAll(() => Deno.remove(`${dir}/..`, { recursive: true }));

  it("writes a schema and plugins with tests that pass as written, in a folder of its own", async () => {
    const fields = [
      "path:string",
      "host:string?",
      "status:integer",
      "seconds:decimal?",
      "level:decimal",
      "method:GET|POST",
      "grade:a|b?",
      "secure:boolean",
      "client:uint32",
      "agent:uint32?",
    ];
    expect(await run(["schema", "requests", ...fields.flatMap((field) => ["--field", field])]))
      .toMatchObject({ code: 0, err: "" });
    const everything = [
      ...["path", "method", "secure", "client"].flatMap((key) => ["--key", key]),
      ...["count", "sum:seconds", "min:status", "max:level", "avg:seconds", "uniq:grade"]
        .flatMap((measure) => ["--measure", measure]),
    ];
    expect(await run(["plugin", "everything", ...everything])).toMatchObject({ code: 0, err: "" });
    expect(await run(["plugin", "delete"])).toMatchObject({ code: 0, err: "" });
    expect(await read("delete.ts")).toContain("event_count: count(),");

    // Types come with the folder's own deno.json, and the files are formatted.
    expect(await deno("check", "everything.ts", "everything.test.ts", "delete.test.ts"))
      .toMatchObject({ code: 0 });
    expect(await deno("fmt", "--check", "--line-width=100", "everything.ts", "delete.test.ts"))
      .toMatchObject({ code: 0 });
    await Deno.writeTextFile(
      `${dir}/wrong.ts`,
      (await read("everything.ts")).replace("sum(seconds)", "sum(grade)"),
    );
    expect((await deno("check", "wrong.ts")).err).toContain("TS2345");
    await Deno.remove(`${dir}/wrong.ts`);

    const { code, out } = await runCommand(["test", "--plugins", dir, "--runs", "5"]);
    expect(out).toMatch(/4 passed.* 0 failed/);
    expect(code).toBe(0);
  });

  it("asks a person at a terminal", async () => {
    const asked: string[] = [];
    const answers: Record<string, string> = {
      "Name, snake_case": "by_method",
      Keys: "method",
      Measures: "count avg:level",
    };
    const ask = (question: string) => {
      asked.push(question);
      return answers[question.replace(/ \(.*/, "")] ?? answers[question] ?? "";
    };
    expect(await run(["plugin"], ask)).toMatchObject({ code: 0, err: "" });
    expect(asked.map((question) => question.replace(/ \(.*| \W.*|, .*/, ""))).toEqual(
      ["Name", "Schema", "Keys", "Measures", "Summary"],
    );
    expect(await read("by_method.ts")).toContain(
      `import { requestsSchema } from "./requests.schema.ts";

export default definePlugin(requestsSchema, {
  name: "by_method",
  summary: "Events per method",
  key: ({ method }) => ({ method }),
  measures: ({ level }) => ({
    event_count: count(),
    avg_level: avg(level),
  }),
});`,
    );
  });

  it("names what it cannot write, and writes nothing", async () => {
    const fault = async (code: number, message: string, ...args: string[]) => {
      const { code: got, err } = await run(args);
      expect(err).toContain(message);
      expect(got).toBe(code);
    };
    await fault(2, `Cannot write ${dir}/delete.ts: it exists`, "plugin", "delete");
    await fault(2, "Missing NAME: expected new plugin NAME", "plugin");
    await fault(2, "a name is snake_case", "schema", "Requests");
    await fault(2, 'got "path"', "schema", "other", "--field", "path");
    await fault(2, 'field "Path" must be snake_case', "schema", "other", "--field", "Path:string");
    await fault(2, 'got "median:level"', "plugin", "other", "--measure", "median:level");
    await fault(2, 'did you mean "status"', "plugin", "other", "--measure", "sum:statu");
    await fault(2, "null", "plugin", "other", "--key", "host");
    await fault(4, 'Cannot find schema "none"', "plugin", "other", "--schema", "none");
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("other"))).toEqual([]);
    const here = fakeWorld({ root: `${dir}/..` });
    expect(await runCommandLine(["new", "plugin", "first"], here)).toBe(2);
    expect(here.err.text()).toContain("has no schema; run `twofold new schema NAME` first");
  });

  it("gives no deno.json to the checkout's own folder, and leaves one that is there", async () => {
    const checkout = fakeWorld({ root: `${dir}/..` });
    expect(await runCommandLine(["new", "schema", "clicks"], checkout)).toBe(0);
    const names = [...Deno.readDirSync(`${dir}/../plugins`)].map(({ name }) => name);
    expect(names).toEqual(["clicks.schema.ts"]);
    await Deno.writeTextFile(`${dir}/deno.json`, "{}");
    expect(await run(["schema", "more"])).toMatchObject({ code: 0 });
    expect(await read("deno.json")).toBe("{}");
    expect(root).not.toBe(checkout.root);
  });
});
